"""What the engine adds to training: `explorer run` of a study of 10,000 cells, as a user starts it.

Overhead is (wall − training) / wall, where training is what all cells say they took, their evaluation included, over the workers. The
first result is when the first part of outcomes can be seen, from the start of the process. The machine is warm: the same cells have
been trained for a few steps before, so that programs are read from the compiler's cache.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import report

STUDY = """
name: overhead
axes:
  source: sparse
  architecture: two_layer
  dimension: {dimension}
  rate: [0.25, 0.5, 0.75, 1.0]
  sparsity: {{from: 0.3, to: 1.0, count: {sparsities}}}
  init: [random, identity]
  seed: {{count: 25}}
training: {{steps: {steps}}}
"""
WARM_STEPS = 4


def run(folder: Path, steps: int, given: argparse.Namespace) -> tuple[float, float, Path]:
    """Wall seconds of a run, seconds to its first part, and its store."""
    sparsities = max(1, given.cells // (4 * 2 * 25))
    study, store = folder / f"{steps}.yaml", folder / f"store-{steps}"
    study.write_text(STUDY.format(dimension=given.dimension, sparsities=sparsities, steps=steps))
    begin = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "explorer.cli", "run", str(study), "--out", str(store)], stderr=subprocess.DEVNULL
    )
    first = float("nan")
    while process.poll() is None:
        if first != first and any((store / "cells").glob("*.parquet")):
            first = time.monotonic() - begin
        time.sleep(0.05)
    if process.returncode:
        sys.exit(f"explorer run ended with {process.returncode}")
    return time.monotonic() - begin, first, store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--dimension", type=int, default=32)
    parser.add_argument("--steps", type=int, default=3000, help="the default of a study")
    parser.add_argument("--out", default=None, help="folder of the results; default benchmarks/results")
    given = parser.parse_args()
    workers = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run(folder, WARM_STEPS, given)
        wall, first, store = run(folder, given.steps, given)
        import explorer

        cells = explorer.open_store(store).to_pandas(["seconds", "pack_width"])
    training = float(cells["seconds"].sum()) / workers
    row: dict[str, Any] = {
        "cells": len(cells),
        "d": given.dimension,
        "steps": given.steps,
        "workers": workers,
        "wall, s": round(wall, 1),
        "training, s": round(training, 1),
        "overhead, %": round(100 * (wall - training) / wall, 2),
        "first result, s": round(first, 1),
    }
    folder_of_results = given.out or report.RESULTS
    command = "python " + " ".join(sys.argv)
    report.write("overhead", command, list(row), [row], [], folder_of_results, ["torch", "ray", "numpy"])
    print(row)


if __name__ == "__main__":
    main()
