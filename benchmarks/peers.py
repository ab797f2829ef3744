"""The same cells trained by explorer and by every other way to train them, all cores at work, the final losses compared.

`make bench` runs it on this machine's cores; on a machine with a GPU: python benchmarks/peers.py --device cuda
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import report
from rivals.evaluation import loss
from rivals.task import Outcome, Task, Unavailable

STUDY_CELLS = 1000
CHECK_STEPS = 50
PACKAGES = ("torch", "ray", "optuna", "joblib", "jax", "jaxlib", "numpy")

# Means over cells of losses at a sign, which is chaotic, and losses of single cells at tanh, which is not.
MEAN_TOLERANCE = 0.02
CELL_TOLERANCE = {"cpu": 1e-3, "cuda": 1e-2}  # on a GPU libraries multiply in TF32


@dataclass(frozen=True)
class Rival:
    """`seeds` by dimension: how many are run for every two cores, eight cells each; slow rivals run fewer."""

    target: str
    what: str
    seeds: Mapping[int, int]
    devices: tuple[str, ...] = ("cpu", "cuda")
    own_draws: bool = False


ONE_BY_ONE = {32: 2, 64: 2, 128: 2, 256: 1}
ARRAYS = {32: 8, 64: 8, 128: 4, 256: 4}
RIVALS = {
    "explorer": Rival("explorer_run:train", "`explorer run`", {32: 48, 64: 24, 128: 21, 256: 9}),
    "tune-fresh": Rival("tune:fresh", "Ray Tune, an actor per cell", {32: 1, 64: 1, 128: 1, 256: 1}, ("cpu",)),
    "tune-reused": Rival("tune:reused", "Ray Tune, actors reused", ONE_BY_ONE, ("cpu",)),
    "optuna": Rival("joblib_optuna:train", "Optuna and joblib", ONE_BY_ONE, ("cpu",)),
    "processes": Rival("fresh_processes:train", "a process per cell", ONE_BY_ONE, ("cuda",)),
    "plain": Rival("plain:train", "plain PyTorch loop", {**ONE_BY_ONE, 256: 2}),
    "hfta": Rival("hfta:train", "bmm arrays as in HFTA", {32: 8, 64: 4, 128: 4, 256: 2}),
    "jax": Rival("jax_vmap:train", "JAX jit, vmap, scan", ARRAYS, own_draws=True),
}
WAVES = 3  # of packs on every worker, at least: the first has start-up in it, the others are timed
QUICK_SEEDS = {"explorer": 2 * WAVES, "tune-fresh": 1}
CPU_SPARSITIES = 8
GPU_CELLS = {"processes": (1, 32), "plain": (1, 32)}  # seeds, sparsities
GPU_CELLS_OF_ARRAYS = (16, 64)

COLUMNS = ("d = n", "trained by", "cells", "s per 1,000 steps and cell", "× explorer", "start-up, s", "× for 1,000 cells",
           "mean loss", "its difference, %", "note")  # fmt: skip


# What explorer asks of glibc's allocator for itself, given to everyone: it takes a tenth to a quarter off an eager step.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_TOP_PAD_": str(16 * 2**20),
}


def call(target: str, task: Task) -> Outcome:
    """A rival's function, in the process that is all its own."""
    module, _, function = target.partition(":")
    try:
        return getattr(importlib.import_module(f"rivals.{module}"), function)(task)
    except ModuleNotFoundError as error:
        raise Unavailable(f"{error.name} is not installed: pip install -e '.[train,bench]'") from None


def apart(rival: Rival, task: Task) -> Outcome:
    """In a fresh process, so that no rival runs beside the threads, settings or memory of another."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(call, rival.target, task).result()


def task_of(name: str, dimension: int, given: argparse.Namespace) -> Task:
    """What a rival trains at a size."""
    rival, gpu = RIVALS[name], given.device == "cuda"
    nearest = min(rival.seeds, key=lambda known: abs(known - dimension))
    pairs = -(-given.workers // 2)
    on_gpu = GPU_CELLS.get(name, GPU_CELLS_OF_ARRAYS)
    seeds, sparsities = on_gpu if gpu else (rival.seeds[nearest], CPU_SPARSITIES)
    if given.quick:
        seeds = min(seeds, QUICK_SEEDS.get(name, 2))
    return Task(
        dimension, tuple(range(seeds if gpu else seeds * pairs)), _sparsities(sparsities), given.steps,
        device=given.device, workers=given.workers, draws="native" if gpu or rival.own_draws else "shared",
    )  # fmt: skip


def _sparsities(count: int) -> tuple[float, ...]:
    return tuple(0.3 + 0.7 * i / (count - 1) for i in range(count))


def losses(task: Task, outcome: Outcome) -> dict[tuple[int, float], float]:
    """Of every cell, by the one measure."""
    pairs = zip(task.cells, outcome.minimizers, strict=True)
    return {cell: loss(minimizer, task.activation, cell[1]) for cell, minimizer in pairs}


def measure(name: str, dimension: int, given: argparse.Namespace) -> dict[str, Any]:
    """One rival at one size: costs, and the losses of its cells."""
    rival = RIVALS[name]
    task = task_of(name, dimension, given)
    row: dict[str, Any] = {"d = n": dimension, "rival": name, "trained by": rival.what}
    begin = time.monotonic()
    try:
        outcome = apart(rival, task)
    except (Unavailable, BrokenProcessPool, RuntimeError) as error:
        return {**row, "note": f"{error}".strip().splitlines()[0]}
    finally:
        print(f"d = {dimension}: {name}, {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    return {
        **row,
        "cells": len(task.cells),
        "s per 1,000 steps and cell": outcome.per_cell * 1000 / task.steps,
        "seconds per cell": outcome.per_cell,
        "start-up, s": outcome.start_up,
        "draws": task.draws,
        "losses": losses(task, outcome),
    }


def compared(row: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """A row with its ratios to ours, and how far the mean loss of its cells lies from that of the same cells of ours.

    Rivals with draws of their own: the mean over seeds at every sparsity.
    """
    if "losses" not in row or "losses" not in ours:
        return {name: value for name, value in row.items() if name != "losses"}
    whole = {id(r): r["start-up, s"] + STUDY_CELLS * r["seconds per cell"] for r in (row, ours)}
    theirs, own = row["losses"], ours["losses"]
    common = [cell for cell in theirs if cell in own]
    if row["draws"] == "native" or not common:
        mean, reference = np.mean(list(theirs.values())), np.mean(list(own.values()))
    else:
        mean, reference = (np.mean([known[cell] for cell in common]) for known in (theirs, own))
    return {
        **{name: value for name, value in row.items() if name != "losses"},
        "× explorer": row["seconds per cell"] / ours["seconds per cell"],
        "× for 1,000 cells": whole[id(row)] / whole[id(ours)],
        "mean loss": float(mean),
        "its difference, %": 100 * float(mean / reference - 1),
    }


def check(names: list[str], given: argparse.Namespace) -> dict[str, float]:
    """The largest relative difference of a cell's loss from ours after a short training at tanh, everyone on the same draws."""
    task = Task(
        given.sizes[0], tuple(range(4 * given.workers)), (0.3, 1.0), CHECK_STEPS, "tanh", given.device,
        workers=given.workers,
    )  # fmt: skip
    found: dict[str, float] = {}
    ours: dict[tuple[int, float], float] | None = None
    for name in names:
        few = task if name in ("explorer", "plain", "hfta", "jax") else replace(task, seeds=task.seeds[: given.workers])
        begin = time.monotonic()
        try:
            known = losses(few, apart(RIVALS[name], few))
        except (Unavailable, BrokenProcessPool, RuntimeError) as error:
            print(f"check: {name}: {error}", file=sys.stderr)
            continue
        finally:
            print(f"check: {name}, {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        ours = known if name == "explorer" else ours
        if ours is not None:
            found[name] = max(abs(value / ours[cell] - 1) for cell, value in known.items())
    print(f"check: {', '.join(f'{name} {value:.0e}' for name, value in found.items())}", file=sys.stderr, flush=True)
    return found


def disagreements(rows: list[dict[str, Any]], cells: Mapping[str, float], device: str) -> list[str]:
    """What a reader must know before believing any ratio; empty where all rivals did the same job."""
    far = [
        f"d = {row['d = n']}: the mean loss of {row['rival']} differs from explorer's by {row['its difference, %']:.1f} %"
        for row in rows
        if abs(row.get("its difference, %", 0.0)) > 100 * MEAN_TOLERANCE
    ]
    limit = CELL_TOLERANCE[device]
    return far + [f"tanh: {name} differs by {value:.1e} in a cell" for name, value in cells.items() if value > limit]


def notes(given: argparse.Namespace, cells: Mapping[str, float]) -> list[str]:
    """What the columns mean and what was checked."""
    cpu = given.device == "cpu"
    said = [
        f"Sparse Rademacher data, two_layer with sign and straight-through, n = d, batch 256, Adam, cosine, {given.steps:,} "
        f"steps. All use {given.workers} workers of one thread each." if cpu else
        f"Sparse Rademacher data, two_layer with sign and straight-through, n = d, batch 256, Adam, cosine, {given.steps:,} "
        f"steps; {given.workers} processes share the GPU where a rival is one trial per cell.",
        "s per 1,000 steps and cell: wall time of the whole machine over cells, start-up left out; a trial's own cost, which comes "
        "with every cell, is in it. Ray is up before the clock starts.",
        "Start-up: paid once, whatever the number of cells: processes and imports, for explorer and JAX compiling (with no cache).",
        f"× for 1,000 cells: with start-up, of a study of {STUDY_CELLS:,} cells of the shape.",
        "Mean loss: over the rival's cells, on one set of 4,096 fresh samples; its difference from the same cells of explorer "
        f"must be below {100 * MEAN_TOLERANCE:.0f} %.",
        "Explorer's time includes the population loss of every cell, its observables and its rows in the store." if cpu else
        "Explorer: one PackRun on the GPU, without Ray, the evaluation of its cells included.",
    ]  # fmt: skip
    if cpu:
        said.append(
            "JAX draws by jax.random and so trains on other samples of the same law; all others train on explorer's."
        )
    else:
        said.append("Rivals draw on the GPU, each by its own library; explorer by counter, the same bits as on a CPU.")
    if cells:
        shown = ", ".join(f"{name} {value:.0e}" for name, value in cells.items() if name != "explorer")
        said.append(
            f"After {CHECK_STEPS} steps at tanh on the same draws, largest relative difference of one cell's loss: {shown}."
        )
    return said


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128, 256], metavar="D")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rivals", nargs="+", choices=list(RIVALS), default=list(RIVALS), metavar="NAME",
                        help=f"some of {', '.join(RIVALS)}; explorer is always among them")  # fmt: skip
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
                        help="processes at a time: the cores of this machine")  # fmt: skip
    parser.add_argument(
        "--quick", action="store_true", help="few cells and steps, to see that everything runs; no files"
    )
    parser.add_argument("--out", type=Path, help="folder of peers.json and peers.md; default benchmarks/results")
    given = parser.parse_args()
    if given.quick:
        given.steps = min(given.steps, 100)
    return given


def main() -> int:
    given = parsed()
    if given.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            print("error: --device cuda, and torch sees no GPU here", file=sys.stderr)
            return 2
    os.environ.update(ALLOCATOR)
    names = [name for name, rival in RIVALS.items() if given.device in rival.devices]
    names = ["explorer", *(name for name in names if name in given.rivals and name != "explorer")]
    cells = check(names, given)
    rows: list[dict[str, Any]] = []
    for dimension in given.sizes:
        measured = [measure(name, dimension, given) for name in names]
        rows += [compared(row, measured[0]) for row in measured]
    said = notes(given, cells)
    print(report.table(COLUMNS, rows), *said, sep="\n")
    if given.out or not given.quick:
        command = f"python {' '.join(sys.argv)}"
        report.write("peers", command, COLUMNS, rows, said, given.out or report.RESULTS, packages=PACKAGES)
    wrong = disagreements(rows, cells, given.device)
    print(*wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
