"""What a proposer is given and what it answers: plain arrays, in the units of the axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from explorer.errors import StudyError
from explorer.registry import Registry

# Grid values are decimal to twelve digits: a proposed point that lies on the grid is the grid's cell.
DIGITS = 12


@dataclass(frozen=True, slots=True)
class Domain:
    """The box to look in, one entry per axis, the axis of the boundary first.

    Points are `low + k resolution`, k = 0, 1, …, up to `high`, so that cells stay nameable; with `log`, low · (1 + resolution)^k.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    resolution: NDArray[np.float64]
    log: tuple[bool, ...]

    def unit(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (…, axis) in the unit box."""
        low, high, values = self.low.copy(), self.high.copy(), np.array(points, dtype=float)
        for axis, log in enumerate(self.log):
            if log:
                low[axis], high[axis] = np.log(low[axis]), np.log(high[axis])
                values[..., axis] = np.log(values[..., axis])
        return (values - low) / (high - low)

    def steps(self, axis: int) -> NDArray[np.float64]:
        """The values a proposed point can have on an axis, increasing."""
        low, high, step = self.low[axis], self.high[axis], self.resolution[axis]
        if self.log[axis]:
            values = low * (1 + step) ** np.arange(int(np.log(high / low) / np.log1p(step) + 1e-9) + 1)
        else:
            values = low + step * np.arange(int((high - low) / step + 1e-9) + 1)
        return np.array([float(f"{value:.{DIGITS}g}") for value in values])


@dataclass(frozen=True, slots=True)
class Observed:
    """Outcomes: order parameters `values` (row,) of `seeds` (row,) at `points` (row, axis).

    `pending` are points that are being trained, `failed` points that gave no value, (…, axis).
    """

    points: NDArray[np.float64]
    seeds: NDArray[np.int64]
    values: NDArray[np.float64]
    pending: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    failed: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))


@dataclass(frozen=True, slots=True)
class Ask:
    """How many rows (point, seed) are wanted, and when to stop.

    A new point gets `seeds_per_point` seeds; the seeds are 0, 1, …, `most_seeds` − 1. `threshold` tells the phases apart (default:
    half-way between the plateaus of the data). `tolerance` is in units of the first axis. `seed` makes the answer repeatable.
    """

    count: int
    tolerance: float
    threshold: float | None = None
    seeds_per_point: int = 2
    most_seeds: int = 64
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Proposal:
    """Rows to train, `points` (row, axis) with `seeds` (row,), none where there is nothing more to do.

    `undecided` is the share of the domain whose phase is not known with 95 % confidence, `half_width` the largest 95 % half-width
    of the boundary along the first axis (NaN where there is no boundary), `known` whether it is below the tolerance everywhere.
    """

    points: NDArray[np.float64]
    seeds: NDArray[np.int64]
    undecided: float
    half_width: float
    known: bool


Proposer = Callable[[Observed, Domain, Ask], Proposal]

proposers: Registry[Proposer] = Registry("proposer", "explorer.proposers", StudyError)
