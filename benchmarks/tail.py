"""How long workers wait at the end of a study: packs as they were cut before, all at once, and as they are cut now.

For each shape a pack is trained and timed: what a program's width of cells takes. Then free workers take packs in order, on a clock
that only counts. Durations vary from pack to pack as much as those of packs of different cells did. `idle` is the share of
all workers' time to the end that nobody used, an empty slot counting as used, and `whole` is how long everything takes.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from report import RESULTS, table, write

from explorer.cells import Pack, by_shape, make_packs
from explorer.engine.cutting import PACKS_PER_WORKER, PackQueue
from explorer.study import Study
from explorer.training import PackRun

STUDY = """
name: tail
axes:
  source: sparse
  architecture: two_layer
  dimension: {dimension}
  rate: [0.5, 1.0]
  sparsity: {{from: 0.3, to: 1.0, count: 25}}
  init: [random, identity]
  seed: {{count: {seeds}}}
training: {{steps: {steps}, schedule: {schedule}}}
"""
COLUMNS = (
    "schedule",
    "d",
    "cells",
    "workers",
    "packs before",
    "packs now",
    "idle before, %",
    "idle now, %",
    "whole before, s",
    "whole now, s",
)
REPEATS = 3
DRAWS = 200
# What is measured: schedule and dimension.
CASES = (("cosine", 128), ("plateau", 32))


def before(study: Study, workers: int) -> list[Pack]:
    """Even packs, at least twice as many as workers; shapes in turn."""
    shapes: dict[str, list[Pack]] = {}
    for pack in make_packs(study.cells, study.widths, PACKS_PER_WORKER * workers):
        shapes.setdefault(pack.cells[0].shape_key, []).append(pack)
    groups = list(shapes.values())
    together = (groups[i : i + workers] for i in range(0, len(groups), workers))
    turns = itertools.chain.from_iterable(itertools.zip_longest(*some) for some in together)
    return [pack for turn in turns for pack in turn if pack is not None]


def timed(study: Study) -> tuple[dict[str, float], float]:
    """Seconds of one program's width of cells by shape, and how much they differ from pack to pack, as a share."""
    found: dict[str, float] = {}
    spread = []
    for group in by_shape(study.cells):
        key, width = group[0].shape_key, study.widths[group[0].shape_key]
        PackRun(Pack(tuple(group[:width]), width)).train()  # compiles
        seconds = []
        for i in range(REPEATS):
            cells = tuple(group[2 * width * i : 2 * width * (i + 1)])
            begin = time.process_time()
            PackRun(Pack(cells, width)).train()
            seconds.append((time.process_time() - begin) / 2)
        found[key] = statistics.mean(seconds)
        spread.append(statistics.stdev(seconds) / found[key])
    return found, statistics.mean(spread)


def lasts(pack: Pack, seconds: dict[str, float]) -> float:
    """How long a pack takes, empty slots included."""
    return -(-len(pack.cells) // pack.width) * seconds[pack.cells[0].shape_key]


def waited(packs: Sequence[Pack], seconds: dict[str, float], spread: float, workers: int) -> tuple[float, float]:
    """Idle share and seconds of the whole, means over random durations."""
    generator = np.random.default_rng(0)
    shares, lengths = [], []
    for _ in range(DRAWS):
        ends = [0.0] * workers
        taken = [lasts(p, seconds) * f for p, f in zip(packs, generator.normal(1, spread, len(packs)), strict=True)]
        for one in taken:
            heapq.heapreplace(ends, ends[0] + max(0.0, one))
        shares.append(1 - sum(taken) / (workers * max(ends)))
        lengths.append(max(ends))
    return statistics.mean(shares), statistics.mean(lengths)


def measure(schedule: str, dimension: int, seeds: int, steps: int, workers: Sequence[int]) -> list[dict[str, Any]]:
    study = Study(STUDY.format(dimension=dimension, seeds=seeds, steps=steps, schedule=schedule), "tail.yaml")
    cut = {w: (before(study, w), list(PackQueue(study.cells, study.widths).all(w))) for w in workers}
    seconds, spread = timed(study)
    rows = []
    for w, (old, new) in cut.items():
        (share_old, whole_old), (share_new, whole_new) = (waited(packs, seconds, spread, w) for packs in (old, new))
        rows.append({
            "schedule": schedule, "d": dimension, "cells": len(study.cells), "workers": w,
            "packs before": len(old), "packs now": len(new),
            "idle before, %": 100 * share_old, "idle now, %": 100 * share_new,
            "whole before, s": whole_old, "whole now, s": whole_new,
            "seconds of a width": statistics.mean(seconds.values()), "spread of a pack's time, %": 100 * spread,
        })  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--workers", type=int, nargs="+", default=(2, 8, 32))
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    rows = [row for schedule, d in CASES for row in measure(schedule, d, given.seeds, given.steps, given.workers)]
    notes = [
        f"{REPEATS} packs of each shape timed, in processor seconds of one thread, compiled before; {DRAWS} draws of all durations.",
        "What a pack costs beside its training, 0.1 s, is not in it.",
    ]
    print(table(COLUMNS, rows))
    write("tail", f"python {' '.join(sys.argv)}", COLUMNS, rows, notes, given.out, ("torch", "numpy"))


if __name__ == "__main__":
    main()
