"""Cells that end when they have converged, against a fixed number of steps for all: steps spent, and the loss that it costs.

Sparse Rademacher data, two_layer with a sign, r = 1, random and identity starts. A cell's excess is its loss above that of its
branch: 1 − p where the identity is reached (an identity start at p ≥ 0.65, a random one at p ≥ 0.9), and the loss after the longest
training for the rotation (a random start at p ≤ 0.35). Between the branches, training drifts for as long as it lasts, and ends
at higher losses the longer it is: cells there have steps and no excess.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from typing import Any

import pandas as pd
import report
import torch

DIMENSION, WIDTH = 48, 24
SPARSITIES = (0.2, 0.3, 0.35, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9, 1.0)
ROTATION_TO, IDENTITY_FROM, FOUND_FROM = 0.35, 0.65, 0.9
LONGEST = "cosine, 12,000 steps"
RUNS: dict[str, dict[str, Any]] = {
    LONGEST: {"steps": 12_000},
    **{f"cosine, {steps:,} steps": {"steps": steps} for steps in (1000, 1500, 3000, 6000)},
    **{
        f"plateau, tolerance {tolerance}": {"steps": 12_000, "schedule": "plateau", "tolerance": tolerance}
        for tolerance in (0.01, 0.003)
    },
}


def train(task: tuple[str, int, float]) -> tuple[str, pd.DataFrame, float]:
    """A run's cells: losses and steps; seconds without compilation and evaluation."""
    from explorer.cells import Cell, Pack
    from explorer.engine.rows import observed_of
    from explorer.training import PackRun

    name, seeds, rate = task
    torch.set_num_threads(1)
    cells = [
        Cell.of(source="sparse", architecture="two_layer", dimension=DIMENSION, rate=1.0, sparsity=sparsity, init=start,
                seed=seed, learning_rate=rate, **RUNS[name])
        for start in ("random", "identity") for seed in range(seeds) for sparsity in SPARSITIES
    ]  # fmt: skip
    run = PackRun(Pack(tuple(cells), WIDTH))
    run.advance(4)
    begin = time.perf_counter()
    results = run.train()
    seconds = time.perf_counter() - begin
    names = ("sparsity", "init", "seed")
    rows = [
        {
            **{n: r.cell.settings[n] for n in names},
            "dimension": DIMENSION,
            "loss": r.loss,
            "steps": r.steps,
            **{name: observed_of(r)[name] for name in ("localization", "tying", "coverage")},
        }
        for r in results
        if r.minimizer is not None
    ]
    return name, pd.DataFrame(rows), seconds


def said(name: str, frame: pd.DataFrame, seconds: float, longest: pd.DataFrame, longest_seconds: float) -> dict:
    from explorer.analysis import fit_boundary

    by = ["sparsity", "init", "seed"]
    both = frame.merge(longest[[*by, "loss"]], on=by, suffixes=("", "_longest"))
    identity = (both["init"] == "identity") & (both["sparsity"] >= IDENTITY_FROM)
    identity |= (both["init"] == "random") & (both["sparsity"] >= FOUND_FROM)
    rotation = (both["init"] == "random") & (both["sparsity"] <= ROTATION_TO)
    found = both["loss"] - (1 - both["sparsity"])
    stayed = both["loss"] - both["loss_longest"]
    crossing = fit_boundary(frame, along="sparsity", estimator="crossing").iloc[0]
    pure = frame[(identity | rotation).to_numpy()]
    return {
        "run": name,
        "mean steps": round(float(frame["steps"].mean())),
        "of pure cells": round(float(pure["steps"].mean())),
        "longest": int(frame["steps"].max()),
        "time": round(seconds / longest_seconds, 3),
        "identity: mean excess": round(float(found[identity].mean()), 4),
        "worst": round(float(found[identity].max()), 4),
        "rotation: mean excess": round(float(stayed[rotation].mean()), 4),
        "worst ": round(float(stayed[rotation].max()), 4),
        "crossing": "none"
        if pd.isna(crossing["critical"])
        else f"{crossing['critical']:.3f} [{crossing['low']:.3f}, {crossing['high']:.3f}]",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=0.02)
    parser.add_argument("--out", default=None, help="folder of the results; default benchmarks/results")
    given = parser.parse_args()
    found: dict[str, tuple[pd.DataFrame, float]] = {}
    context = multiprocessing.get_context("spawn")
    with context.Pool(len(os.sched_getaffinity(0)), maxtasksperchild=1) as pool:
        tasks = [(name, given.seeds, given.learning_rate) for name in RUNS]
        for name, frame, seconds in pool.imap_unordered(train, tasks, chunksize=1):
            found[name] = frame, seconds
            print(f"{name}: {seconds:.0f} s, {frame['steps'].mean():.0f} steps", file=sys.stderr, flush=True)
    rows = [said(name, *found[name], *found[LONGEST]) for name in RUNS]
    notes = [
        f"d = n = {DIMENSION}, learning rate {given.learning_rate}, {given.seeds} seeds, p = {', '.join(map(str, SPARSITIES))}.",
        f"One pack of {WIDTH} slots a run.",
        "time: training and evaluation, as a share of the longest run's; some runs stand beside another on the machine.",
    ]
    folder = given.out or report.RESULTS
    report.write(
        f"early_stop_{given.learning_rate}",
        "python " + " ".join(sys.argv),
        list(rows[0]),
        rows,
        notes,
        folder,
        ["torch", "numpy"],
    )
    print(report.table(list(rows[0]), rows))


if __name__ == "__main__":
    main()
