"""One trial per cell without an engine: every cell in a process of its own, as many at a time as there are workers."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

from .task import Minimizer, Outcome, Task, from_completions


def train(task: Task) -> Outcome:
    begin = time.time()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(task.workers, context, max_tasks_per_child=1) as pool:
        done = list(pool.map(_cell, [task] * len(task.cells), task.cells))
    return from_completions([m for m, _ in done], begin, [ended for _, ended in done], task.workers)


def _cell(task: Task, cell: tuple[int, float]) -> tuple[Minimizer, float]:
    from .module import prepare_torch, train_cell

    prepare_torch(task)
    return train_cell(task, *cell), time.time()
