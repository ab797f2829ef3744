"""Boundary error against trials on a real study: `explorer run` with a `refine` section, and uniform grids of the same study.

Sparse Rademacher data, two_layer with a sign, rate 1, random starts: the switch of gradient descent, as the level set of the seed
means of localization. The reference is a fine grid of other seeds. Uniform grids are parts of a fine grid of the seeds that the
refinement begins with.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import report

LOW, HIGH, FINE = 0.3, 1.0, 141
COARSE = 6
SEEDS, REFERENCE_SEEDS = 4, 8
GRIDS = (6, 8, 11, 15, 21, 29, 36, 48, 71, 141)
TOLERANCE = 0.005


def study(
    name: str, given: argparse.Namespace, count: int, seeds: list[int], refine: dict[str, Any] | None = None
) -> Any:
    """A study of `count` sparsities."""
    from explorer.study import Study

    axes = {
        "source": "sparse", "architecture": "two_layer", "dimension": given.dimension, "rate": 1.0, "seed": seeds,
        "sparsity": {"from": LOW, "to": HIGH, "count": count},
    }  # fmt: skip
    document = {"name": name, "axes": axes, "training": {"steps": given.steps}}
    return Study(json.dumps(document if refine is None else {**document, "refine": refine}), name)


def run(asked: Any, place: Path) -> float:
    """Train a study; the wall time."""
    from explorer.engine import run_study

    begin = time.monotonic()
    summary = run_study(asked, str(place), progress=False)
    if not summary.complete:
        sys.exit(f"{place}: {summary.done} of {summary.cells} cells")
    return time.monotonic() - begin


def located(table: pd.DataFrame, threshold: float | None = None) -> Any:
    """The level set along sparsity."""
    from explorer.analysis import fit_boundary

    return fit_boundary(table, "sparsity", estimator="level_set", threshold=threshold).iloc[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dimension", type=int, default=32)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--budget", type=int, default=200)
    parser.add_argument("--out", default=None, help="folder of the results; default benchmarks/results")
    given = parser.parse_args()
    from explorer.store import open_store

    seeds = list(range(SEEDS))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        run(study("reference", given, FINE, list(range(100, 100 + REFERENCE_SEEDS))), place / "reference")
        run(study("fine", given, FINE, seeds), place / "fine")
        section = {"along": "sparsity", "tolerance": TOLERANCE, "budget": given.budget, "batch": 16}
        asked = study("refined", given, COARSE, seeds, section)
        wall = run(asked, place / "refined")
        columns = ["cell_key", "sparsity", "seed", "localization", "dimension", "loss", "status", "seconds"]
        reference, fine = (open_store(place / name).to_pandas(columns) for name in ("reference", "fine"))
        store = open_store(place / "refined")
        refined, rounds = store.to_pandas(columns), store.rounds()
    truth = located(reference)
    level = float(truth["threshold"])
    rows: list[dict[str, Any]] = []

    def add(name: str, table: pd.DataFrame, seconds: float | None = None) -> None:
        found = located(table, level)
        rows.append({
            "by": name, "cells": len(table), "switch": found["critical"], "low": found["low"], "high": found["high"],
            "error": abs(found["critical"] - truth["critical"]), "training, s": round(float(table["seconds"].sum()), 1),
            "wall, s": seconds,
        })  # fmt: skip

    points = sorted(fine["sparsity"].unique())
    for count in GRIDS:
        chosen = {points[round(i * (len(points) - 1) / (count - 1))] for i in range(count)}
        add(f"uniform grid of {count}", fine[fine["sparsity"].isin(chosen)])
    known = set(refined["cell_key"]) - {key for one in rounds for key in one.keys}
    add("refine: its grid", refined[refined["cell_key"].isin(known)])
    for one in rounds:
        known |= set(one.keys)
        last = one is rounds[-1]
        add(f"refine: round {one.number}", refined[refined["cell_key"].isin(known)], round(wall, 1) if last else None)
    notes = [
        f"d = n = {given.dimension}, {given.steps:,} steps; reference: {FINE} sparsities, {REFERENCE_SEEDS} other seeds, "
        f"{len(reference):,} cells: {truth['critical']:.4f} [{truth['low']:.4f}, {truth['high']:.4f}] at localization {level:.3f}.",
        f"Grids: {SEEDS} seeds; refine: tolerance {TOLERANCE}, budget {given.budget}, beginning with {COARSE} sparsities of {SEEDS} "
        "seeds.",
        "error: distance from the reference, whose seeds differ: seeds scatter by what its interval says.",
    ]
    folder_of_results = given.out or report.RESULTS
    command = "python " + " ".join(sys.argv)
    report.write(
        "refine_study",
        command,
        list(rows[0]),
        rows,
        notes,
        folder_of_results,
        ["torch", "ray", "numpy", "scikit-learn"],
    )
    print(report.table(list(rows[0]), rows), *notes, sep="\n")


if __name__ == "__main__":
    main()
