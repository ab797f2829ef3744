"""A plain PyTorch loop: one cell after another, one process a core."""

from __future__ import annotations

from .processes import Training, in_processes
from .task import Outcome, Task


def train(task: Task) -> Outcome:
    return in_processes(prepare, task, task.workers)


def prepare(task: Task) -> Training:
    """Imports torch; returns the training of every cell."""
    from .module import prepare_torch, train_cell

    prepare_torch(task)
    return lambda: [train_cell(task, *cell) for cell in task.cells]
