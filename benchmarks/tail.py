"""How long workers wait at the end of a study: packs as they were cut before, all at once, and as they are cut now.

One pack of every number of tiles that occurs is trained and timed, for each shape; then free workers take packs in order, on a
clock that only counts. Durations vary from pack to pack as much as the same pack's did when it was timed again. `idle` is
the share of all workers' time to the end that nobody used, `end` how long after the first worker had nothing to do the last one ended.
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

from explorer.cells import Pack, make_packs
from explorer.engine.cutting import PACKS_PER_WORKER, PackQueue
from explorer.study import Study
from explorer.training import PackRun

STUDY = """
name: tail
axes:
  source: sparse
  architecture: two_layer
  dimension: {dimension}
  rate: [0.25, 0.5, 0.75, 1.0]
  sparsity: {{from: 0.3, to: 1.0, count: 20}}
  init: [random, identity]
  seed: {{count: {seeds}}}
training: {{steps: {steps}}}
"""
COLUMNS = (
    "d",
    "cells",
    "workers",
    "packs before",
    "packs now",
    "idle before, %",
    "idle now, %",
    "end before, s",
    "end now, s",
)
REPEATS = 3
DRAWS = 200

Kind = tuple[str, int]


def before(study: Study, workers: int) -> list[Pack]:
    """Even packs, at least twice as many as workers; shapes in turn."""
    shapes: dict[str, list[Pack]] = {}
    for pack in make_packs(study.cells, study.widths, PACKS_PER_WORKER * workers):
        shapes.setdefault(pack.cells[0].shape_key, []).append(pack)
    groups = list(shapes.values())
    together = (groups[i : i + workers] for i in range(0, len(groups), workers))
    turns = itertools.chain.from_iterable(itertools.zip_longest(*some) for some in together)
    return [pack for turn in turns for pack in turn if pack is not None]


def kind(pack: Pack) -> Kind:
    """What decides how long a pack takes: its shape and its slots."""
    return pack.cells[0].shape_key, pack.slots


def timed(packs: Sequence[Pack]) -> tuple[dict[Kind, float], float]:
    """Seconds of a pack of each kind, and how much a repetition differs, as a share."""
    found: dict[Kind, float] = {}
    spread = []
    for pack in {kind(pack): pack for pack in packs}.values():
        PackRun(pack).advance(1)  # compiles
        seconds = []
        for _ in range(REPEATS):
            begin = time.process_time()
            PackRun(pack).train()
            seconds.append(time.process_time() - begin)
        found[kind(pack)] = statistics.median(seconds)
        spread.append(statistics.stdev(seconds) / statistics.mean(seconds))
    return found, statistics.mean(spread)


def waited(packs: Sequence[Pack], seconds: dict[Kind, float], spread: float, workers: int) -> tuple[float, float]:
    """Idle share and length of the end, means over random durations."""
    generator = np.random.default_rng(0)
    shares, lengths = [], []
    for _ in range(DRAWS):
        ends = [0.0] * workers
        taken = [seconds[kind(p)] * f for p, f in zip(packs, generator.normal(1, spread, len(packs)), strict=True)]
        for one in taken:
            heapq.heapreplace(ends, ends[0] + max(0.0, one))
        shares.append(1 - sum(taken) / (workers * max(ends)))
        lengths.append(max(ends) - min(ends))
    return statistics.mean(shares), statistics.mean(lengths)


def measure(dimension: int, seeds: int, steps: int, workers: Sequence[int]) -> list[dict[str, Any]]:
    study = Study(STUDY.format(dimension=dimension, seeds=seeds, steps=steps), "tail.yaml")
    cut = {w: (before(study, w), list(PackQueue(study.cells, study.widths).all(w))) for w in workers}
    seconds, spread = timed([pack for both in cut.values() for packs in both for pack in packs])
    rows = []
    for w, (old, new) in cut.items():
        (share_old, end_old), (share_new, end_new) = (waited(packs, seconds, spread, w) for packs in (old, new))
        rows.append({
            "d": dimension, "cells": len(study.cells), "workers": w, "packs before": len(old), "packs now": len(new),
            "idle before, %": 100 * share_old, "idle now, %": 100 * share_new, "end before, s": end_old, "end now, s": end_new,
            "spread of a pack's time, %": 100 * spread,
        })  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dimensions", type=int, nargs="+", default=(16, 64))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--workers", type=int, nargs="+", default=(2, 8, 32))
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    rows = [row for d in given.dimensions for row in measure(d, given.seeds, given.steps, given.workers)]
    notes = [
        f"Packs timed {REPEATS} times each in processor seconds of one thread, compiled before; {DRAWS} draws of all durations.",
        "What a pack costs beside its training, 0.1 s, is not in it.",
    ]
    print(table(COLUMNS, rows))
    write("tail", f"python {' '.join(sys.argv)}", COLUMNS, rows, notes, given.out, ("torch", "numpy"))


if __name__ == "__main__":
    main()
