"""When a cell of the schedule `plateau` has converged, and how its learning rate goes down then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Steps between two looks at a cell, at most; fewer where the budget is short.
LONGEST_LOOK = 50
# A cell is trained at its peak rate for at least so many steps, and until they, times the rate, come to so much: with Adam a
# weight moves by about the rate a step, and a slow training that has not begun to move looks settled: docs/decisions/0008-speed.md
SHORTEST = 200
SHORTEST_TRAVEL = 8.0
COOLDOWN = 1.0


def look_every(steps: int) -> int:
    """Steps between two looks at cells with a budget of this many steps."""
    return max(1, min(LONGEST_LOOK, steps // 100))


def settled(losses: Sequence[float], tolerance: float) -> bool:
    """Whether the mean training loss fell by less than `tolerance`, as a share, from the third to the last quarter of training.

    Windows grow with the time trained, so that a loss which falls as a power of time is treated alike on every scale.
    """
    quarter = len(losses) // 4
    if quarter == 0:
        return False
    last, before = np.mean(losses[-quarter:]), np.mean(losses[-2 * quarter : -quarter])
    return bool(last >= (1 - tolerance) * before)


@dataclass
class Plateau:
    """One cell's way through the schedule: at the peak rate until its loss has settled, then linearly to 0 and out.

    The descent takes as many steps as the peak rate did; where the budget would not last for it, it begins early, and
    the cell has not converged. A trapezoidal schedule (Hägele et al. 2024, arXiv 2405.18392) of a length that the loss decides.
    """

    steps: int
    tolerance: float
    rate: float
    descent: tuple[int, int] | None = None
    converged: bool = False

    @property
    def end(self) -> int:
        """The step after which the cell is done, as far as is known."""
        return self.steps if self.descent is None else self.descent[1]

    def look(self, done: int, losses: Sequence[float]) -> None:
        """Decide, after `done` steps with these mean losses between looks, whether the descent begins."""
        if self.descent is not None:
            return
        every = look_every(self.steps)
        length = -(-round(COOLDOWN * done) // every) * every
        begun = done >= SHORTEST and done * self.rate >= SHORTEST_TRAVEL
        self.converged = begun and settled(losses, self.tolerance)
        if self.converged or done + length + every > self.steps:
            self.descent = done, min(self.steps, done + max(every, length))
            self.converged = self.converged and done + length <= self.steps

    def factors(self, step: np.ndarray) -> np.ndarray:
        """The factor of the peak rate at each step."""
        if self.descent is None:
            return np.ones(len(step))
        begin, end = self.descent
        return np.clip((end - step) / (end - begin), 0.0, 1.0)
