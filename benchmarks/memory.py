"""Memory: the peak of a pack as predicted, beside what it takes, each pack in a fresh process.

`alive`: the peak of the resident memory above that of the process with everything imported and compiled, where every larger array is
mapped and unmapped by itself, so that nothing freed is counted. `resident`: the same as a study runs, where the allocator keeps what
is freed and cannot use all of it. On a GPU `alive` is torch.cuda.max_memory_allocated and `resident` torch.cuda.max_memory_reserved.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import multiprocessing
import os
import re
import sys
from pathlib import Path
from typing import Any

import report

SPARSE = {"source": "sparse", "sparsity": 0.3}
DIGITS = {"source": "images", "dataset": "digits"}
# Settings, slots of the program, tiles, seeds.
CASES: list[tuple[dict[str, Any], int, int, int]] = [
    ({**SPARSE, "architecture": "two_layer", "dimension": 64, "rate": 1.0}, 64, 1, 3),
    ({**SPARSE, "architecture": "two_layer", "dimension": 256, "rate": 1.0, "surrogate": "noisy"}, 8, 1, 3),
    ({**SPARSE, "architecture": "two_layer", "dimension": 512, "rate": 1.0, "surrogate": "annealed"}, 1, 4, 1),
    ({**SPARSE, "architecture": "linear", "dimension": 256, "rate": 0.5, "refit": True}, 8, 1, 3),
    ({**SPARSE, "architecture": "linear", "dimension": 64, "rate": 0.5, "samples": 100_000}, 16, 1, 4),
    ({**SPARSE, "architecture": "mlp", "hidden": "512-128", "dimension": 256, "rate": 0.125}, 8, 1, 3),
    ({**SPARSE, "architecture": "denoiser", "dimension": 128, "rate": 0.5, "tied": True}, 32, 1, 3),
    ({**SPARSE, "architecture": "unrolled", "dimension": 128, "rate": 0.5, "batch": 512}, 16, 1, 3),
    (
        {**SPARSE, "architecture": "variational", "hidden": "128", "dimension": 128, "rate": 0.25, "batch": 1024},
        16,
        1,
        3,
    ),
    ({**SPARSE, "architecture": "contractive", "hidden": "64", "dimension": 64, "rate": 0.25}, 16, 2, 3),
    ({**DIGITS, "architecture": "convolutional", "rate": 0.25}, 32, 1, 3),
    ({**SPARSE, "architecture": "sparse_coding", "dimension": 64, "rate": 4.0}, 16, 1, 3),
]
GPU_SLOTS = 16  # times the slots on a CPU
STEPS = 12
MMAP_THRESHOLD, SMALL = -3, 2**16


def kibibytes(name: str) -> int:
    """A line of /proc/self/status."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def peak_on_cpu(work: Any, mapped: bool) -> int:
    """Bytes at the peak of `work` above what the process has, once `work` has been done before."""
    libc = ctypes.CDLL(None)
    from explorer.training.allocator import keep_freed_memory

    keep_freed_memory()
    if mapped:
        libc.mallopt(MMAP_THRESHOLD, SMALL)
    work()
    gc.collect()
    libc.malloc_trim(0)
    before = kibibytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
    work()
    return 1024 * (kibibytes("VmHWM") - before)


def peaks_on_gpu(work: Any) -> tuple[int, int]:
    """Bytes allocated and reserved at the peak of `work`, the second time it is done."""
    import torch

    work()
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated(), torch.cuda.memory_reserved()
    work()
    after = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
    return after[0] - before[0], after[1] - before[1]


def member(
    settings: dict[str, Any], width: int, tiles: int, seeds: int, device: str, mapped: bool, answers: Any
) -> None:
    """One pack: its prediction, and its peak."""
    import torch

    from explorer.cells import Cell, Pack
    from explorer.training import PackRun
    from explorer.training.size import predicted_bytes

    torch.set_num_threads(1)
    slots = width * tiles
    cells = [Cell.of(**settings, steps=STEPS, seed=i % seeds, learning_rate=0.001 + 1e-6 * i) for i in range(slots)]
    pack = Pack(tuple(cells), width)
    gpu = device != "cpu"

    def work() -> None:
        PackRun(pack, device).train()

    found = peaks_on_gpu(work) if gpu else (peak_on_cpu(work, mapped),)
    answers.put((predicted_bytes(cells[0], width, tiles, seeds, gpu), *found))


def in_a_fresh_process(*arguments: Any) -> tuple[int, ...]:
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=member, args=(*arguments, answers))
    process.start()
    found = answers.get(timeout=900)
    process.join()
    return found


def measure(settings: dict[str, Any], width: int, tiles: int, seeds: int, device: str) -> dict[str, Any]:
    if device == "cpu":
        predicted, alive = in_a_fresh_process(settings, width, tiles, seeds, device, True)
        resident = in_a_fresh_process(settings, width, tiles, seeds, device, False)[1]
    else:
        width *= GPU_SLOTS
        predicted, alive, resident = in_a_fresh_process(settings, width, tiles, seeds, device, False)
    named = {k: v for k, v in settings.items() if k not in ("source", "sparsity", "dataset", "architecture")}
    return {
        "architecture": settings["architecture"],
        "settings": ", ".join(f"{k} {v}" for k, v in named.items()),
        "slots": f"{tiles} x {width}",
        "predicted, MiB": round(predicted / 2**20, 1),
        "alive, MiB": round(alive / 2**20, 1),
        "predicted / alive": round(predicted / alive, 2),
        "resident, MiB": round(resident / 2**20, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", help="cpu or cuda:0")
    parser.add_argument("--only", default="", help="the architectures of these names, separated by commas")
    parser.add_argument("--out", default=None, help="folder of the results; default benchmarks/results")
    given = parser.parse_args()
    if given.device != "cpu":
        import torch

        if not torch.cuda.is_available():
            sys.exit(f"--device {given.device}: this machine has no CUDA device")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    named = given.only.split(",") if given.only else [str(case[0]["architecture"]) for case in CASES]
    rows = []
    for settings, width, tiles, seeds in CASES:
        if settings["architecture"] in named:
            rows.append(measure(settings, width, tiles, seeds, given.device))
            print(rows[-1], flush=True)
    worst = max(abs(row["predicted / alive"] - 1) for row in rows)
    notes = [f"The prediction is off by {100 * worst:.0f} % at most.", f"{STEPS} steps and the evaluation of a pack."]
    name = "memory" if given.device == "cpu" else "memory_gpu"
    report.write(
        name, "python " + " ".join(sys.argv), list(rows[0]), rows, notes, *([given.out] if given.out else []),
        packages=("torch",),
    )  # fmt: skip


if __name__ == "__main__":
    main()
