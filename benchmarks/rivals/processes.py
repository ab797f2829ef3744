"""Work over the cores: each process has a share of the seeds, and all begin to train together."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from .task import Minimizer, Outcome, Task

Training = Callable[[], list[Minimizer]]
Prepare = Callable[[Task], Training]

_begin: Any = None


def in_processes(prepare: Prepare, task: Task, workers: int, pinned: bool = False) -> Outcome:
    """`prepare` imports and compiles, which is start-up; what it returns trains, and is timed. `pinned`: to a core each."""
    context = multiprocessing.get_context("spawn")
    parts = task.parts(workers)
    started = time.time()
    with ProcessPoolExecutor(len(parts), context, _keep, (context.Barrier(len(parts)),)) as pool:
        cores = range(len(parts)) if pinned else [None] * len(parts)
        done = list(pool.map(_timed, [prepare] * len(parts), parts, cores))
    minimizers = [minimizer for part, _, _ in done for minimizer in part]
    first, last = min(begun for _, begun, _ in done), max(ended for _, _, ended in done)
    return Outcome(minimizers, last - first, len(minimizers), first - started)


def _keep(barrier: Any) -> None:
    global _begin
    _begin = barrier


def _timed(prepare: Prepare, part: Task, core: int | None) -> tuple[list[Minimizer], float, float]:
    if core is not None:
        _on_one_core(core)
    try:
        train = prepare(part)
    except BaseException:
        _begin.abort()
        raise
    _begin.wait()
    begun = time.time()
    return train(), begun, time.time()


def _on_one_core(index: int) -> None:
    """Libraries that choose their threads by the cores they may use then take one; elsewhere than on Linux they choose freely."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[index % len(cores)]})
