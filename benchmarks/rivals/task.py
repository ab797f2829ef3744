"""What every rival is given and what it returns. NumPy alone: a rival's processes import this, and pay for it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Minimizer = tuple[np.ndarray, np.ndarray]  # encoder (code, dim), decoder (dim, code)


class Unavailable(Exception):
    """A rival that cannot be run here, and what it lacks."""


@dataclass(frozen=True)
class Task:
    """Sparse Rademacher data through a two-layer autoencoder at rate 1: one cell for every seed and sparsity.

    `draws`: `shared` are explorer's own, the same bits for everyone; `native` a library's, on its device.
    """

    dimension: int
    seeds: tuple[int, ...]
    sparsities: tuple[float, ...]
    steps: int = 1000
    activation: Literal["sign", "tanh"] = "sign"
    device: Literal["cpu", "cuda"] = "cpu"
    draws: Literal["shared", "native"] = "shared"
    workers: int = 1
    batch: int = 256
    learning_rate: float = 0.02
    surrogate_width: float = 0.2

    @property
    def cells(self) -> list[tuple[int, float]]:
        """(seed, sparsity), all of a seed together."""
        return [(seed, sparsity) for seed in self.seeds for sparsity in self.sparsities]

    def rate(self, step: int) -> float:
        """The learning rate at step 0 … steps − 1: half a cosine."""
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * step / self.steps))

    def parts(self, count: int) -> list[Task]:
        """The same cells as at most `count` tasks of whole seeds, those of a part together."""
        count = min(count, len(self.seeds))
        edges = [len(self.seeds) * i // count for i in range(count + 1)]
        return [replace(self, seeds=self.seeds[a:b]) for a, b in itertools.pairwise(edges)]


@dataclass(frozen=True)
class Outcome:
    """`minimizers` in the order of the task's cells. `seconds`: wall time of training `timed` of them with every core at
    work; `start_up`: what is paid once before, however many cells follow."""

    minimizers: list[Minimizer]
    seconds: float
    timed: int
    start_up: float

    @property
    def per_cell(self) -> float:
        return self.seconds / self.timed


def from_completions(minimizers: list[Minimizer], begin: float, finished: Sequence[float], together: int) -> Outcome:
    """The cost of a cell where cells end one after another: that of those after the first `together`.

    What the first `together`, which are under way at the same time, took beyond it is start-up. Where there are no others,
    all time is training.
    """
    order = sorted(finished)
    if len(order) <= together:
        return Outcome(minimizers, order[-1] - begin, len(order), 0.0)
    timed = len(order) - together
    seconds = order[-1] - order[together - 1]
    start_up = order[together - 1] - begin - together * seconds / timed
    return Outcome(minimizers, seconds, timed, max(0.0, start_up))
