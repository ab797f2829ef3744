"""Roofline: the five matrix products of a training step alone, as a share of the whole step as a study runs it.

A step draws its data, goes forward and backward, and updates (sparse Rademacher data, two_layer with a sign, rate 1, batch 256, Adam).
The packs are those of a study of 15 sparsities x 3 seeds; each core trains one, on one thread, all at the same time. Products and
steps take turns in every process, and a row is the median of their paired ratios.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from typing import Any

import report
import torch

BATCH = 256
ROUNDS = 9
SECONDS_A_ROUND = 0.4
STEPS_A_CALL = 20  # as the engine advances a pack
SPARSITIES, SEEDS = 15, 3


def products(width: int, dimension: int, device: str) -> Any:
    """One step's products of `width` cells: two forward, three backward, into memory that is there."""
    x, code, error, slope = (torch.randn(width, BATCH, dimension, device=device) for _ in range(4))
    encoder, decoder = (torch.randn(width, dimension, dimension, device=device) for _ in range(2))
    out, gradient = torch.empty_like(x), torch.empty_like(encoder)

    def step() -> None:
        torch.bmm(x, encoder.mT, out=out)
        torch.bmm(code, decoder.mT, out=out)
        torch.bmm(error, decoder, out=out)
        torch.bmm(error.mT, code, out=gradient)
        torch.bmm(slope.mT, x, out=gradient)

    return step


def seconds(work: Any, times: int, device: str) -> float:
    begin = time.perf_counter()
    for _ in range(times):
        work()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return (time.perf_counter() - begin) / times


def member(dimension: int, device: str, barrier: Any, answers: Any) -> None:
    """One core's share: ms per cell of a step and of the products, by round."""
    from explorer.cells import Cell, make_packs
    from explorer.training import PackRun
    from explorer.training.size import pack_width

    torch.set_num_threads(1)
    gpu = device.startswith("cuda")
    cells = [
        Cell.of(source="sparse", architecture="two_layer", dimension=dimension, rate=1.0, batch=BATCH, seed=seed,
                sparsity=0.3 + 0.7 * i / (SPARSITIES - 1), steps=10**6, evaluation_samples=2)
        for seed in range(SEEDS) for i in range(SPARSITIES)
    ]  # fmt: skip
    if gpu:  # a GPU takes what fits: the same sparsities, more seeds
        cells = [Cell.of(**{**c.settings, "seed": s}) for s in range(64) for c in cells[:SPARSITIES]]
    width = pack_width(cells[0], len(cells), gpu, len({cell.stream for cell in cells}))
    pack = make_packs(cells, {cells[0].shape_key: width})[0]
    run = PackRun(pack, device)
    bare = products(width, dimension, device)
    run.advance(STEPS_A_CALL)
    times = max(1, int(SECONDS_A_ROUND / seconds(lambda: run.advance(STEPS_A_CALL), 1, device)))
    more = max(4, int(SECONDS_A_ROUND / seconds(bare, 10, device)))
    rounds = []
    for _ in range(ROUNDS):
        barrier.wait()
        ours = seconds(lambda: run.advance(STEPS_A_CALL), times, device) / STEPS_A_CALL
        barrier.wait()
        rounds.append((1e3 * ours / pack.slots, 1e3 * seconds(bare, more, device) / width))
    answers.put((f"{pack.slots // width} x {width}", rounds))


def measure(dimension: int, device: str, processes: int) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(processes), context.Queue()
    members = [context.Process(target=member, args=(dimension, device, barrier, answers)) for _ in range(processes)]
    for each in members:
        each.start()
    found = [answers.get(timeout=600) for _ in members]
    for each in members:
        each.join()
    rounds = [pair for _, pairs in found for pair in pairs]
    step, bare = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {
        "d = n": dimension,
        "slots": found[0][0],
        "processes": processes,
        "step, ms a cell": round(step, 4),
        "products, ms a cell": round(bare, 4),
        "products / step": round(statistics.median(b / s for s, b in rounds), 3),
        "goal": (0.6 if device != "cpu" else {32: None, 64: 0.75}.get(dimension, 0.9)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="32,64,128,256", help="dimensions d, with n = d")
    parser.add_argument("--device", default="cpu", help="cpu or cuda:0")
    parser.add_argument("--processes", type=int, default=None, help="default: the number of cores; 1 on a GPU")
    parser.add_argument("--out", default=None, help="folder of the results; default benchmarks/results")
    given = parser.parse_args()
    if given.device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit(f"--device {given.device}: this machine has no CUDA device")
    gpu = given.device.startswith("cuda")
    if gpu:
        torch.set_float32_matmul_precision("high")
    processes = given.processes or (1 if gpu else len(os.sched_getaffinity(0)))
    rows = []
    for dimension in map(int, given.sizes.split(",")):
        rows.append(measure(dimension, given.device, processes))
        print(rows[-1], flush=True)
    notes = [
        f"Medians of {ROUNDS} rounds in each of {processes} processes, which take turns between steps and products."
    ]
    name = "roofline" if not gpu else "roofline_gpu"
    folder = given.out or report.RESULTS
    report.write(name, "python " + " ".join(sys.argv), list(rows[0]), rows, notes, folder, ["torch", "numpy"])


if __name__ == "__main__":
    main()
