"""The points that a proposer may name, by their places on the axes' steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explorer.errors import StudyError
from explorer.proposers.base import Domain

# Places an axis on which the field is looked at, by the number of axes.
COARSE = {1: 513, 2: 65}
# Up to so many points are all candidates.
MOST_CANDIDATES = 4096
SAME = 1e-6  # in steps

Array = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lattice:
    """The steps of every axis, `units` the same in the unit box; a place is (…, axis) whole numbers."""

    domain: Domain
    steps: tuple[Array, ...]
    units: tuple[Array, ...]

    @classmethod
    def of(cls, domain: Domain) -> Lattice:
        """Raises StudyError for a domain with other than one or two axes, or with a range or steps that cannot be."""
        axes = len(domain.low)
        if axes not in COARSE:
            raise StudyError(f"proposer: found a domain of {axes} axes, expected one or two.")
        for axis, (low, high, step, log) in enumerate(
            zip(domain.low, domain.high, domain.resolution, domain.log, strict=True)
        ):
            if not (np.isfinite([low, high, step]).all() and low <= high and step > 0 and (low > 0 or not log)):
                raise StudyError(
                    f"proposer: axis {axis} goes from {low:g} to {high:g} in steps of {step:g}, expected low ≤ high and positive steps"
                    f"{' from a positive low, as it is logarithmic' if log else ''}."
                )
        steps = tuple(domain.steps(axis) for axis in range(axes))
        return cls(domain, steps, tuple(_unit(domain, axis, values) for axis, values in enumerate(steps)))

    @property
    def shape(self) -> tuple[int, ...]:
        """How many steps each axis has."""
        return tuple(len(values) for values in self.steps)

    @property
    def size(self) -> int:
        """How many points there are."""
        return math.prod(self.shape)

    def points(self, places: Places) -> Array:
        """In the units of the axes, (…, axis)."""
        return np.stack([values[places[..., axis]] for axis, values in enumerate(self.steps)], axis=-1)

    def box(self, places: Places) -> Array:
        """In the unit box, (…, axis)."""
        return np.stack([values[places[..., axis]] for axis, values in enumerate(self.units)], axis=-1)

    def unit(self, points: Array) -> Array:
        """Any points (point, axis) in the unit box; an axis of a single value is 0 throughout."""
        return np.stack([_unit(self.domain, axis, points[:, axis]) for axis in range(len(self.steps))], axis=1)

    def nearest(self, box: Array) -> Places:
        """The places nearest to points in the unit box, (point, axis)."""
        columns = []
        for axis, units in enumerate(self.units):
            after = np.clip(np.searchsorted(units, box[:, axis]), 1, max(len(units) - 1, 1))
            before = after - 1
            after = np.minimum(after, len(units) - 1)
            columns.append(np.where(box[:, axis] - units[before] <= units[after] - box[:, axis], before, after))
        return np.stack(columns, axis=1).astype(np.int64)

    def keys(self, places: Places) -> Places:
        """One number for each place."""
        return places @ np.array([*np.cumprod(self.shape[:0:-1], dtype=np.int64)[::-1], 1])

    def held(self, points: Array) -> Places:
        """The keys of those points that lie on the lattice."""
        if not len(points):
            return np.empty(0, dtype=np.int64)
        box = self.unit(points)
        places = self.nearest(box)
        step = np.array([float(np.diff(units).min()) if len(units) > 1 else 1.0 for units in self.units])
        return self.keys(places[(np.abs(self.box(places) - box) <= SAME * step).all(axis=1)])

    def coarse(self) -> tuple[Places, ...]:
        """Evenly spaced places on every axis, its ends among them: 513 on one axis, 65 on each of two, or all there are."""
        most = COARSE[len(self.steps)]
        return tuple(np.unique(np.rint(np.linspace(0, n - 1, min(n, most))).astype(np.int64)) for n in self.shape)

    def everywhere(self) -> Places:
        """All places of `coarse`, (place, axis), the last axis fastest."""
        return _product(self.coarse())

    def all(self) -> Places:
        """All places."""
        return _product(tuple(np.arange(n) for n in self.shape))


def _product(columns: tuple[Places, ...]) -> Places:
    return np.stack([grid.ravel() for grid in np.meshgrid(*columns, indexing="ij")], axis=1)


def _unit(domain: Domain, axis: int, values: Array) -> Array:
    low, high = domain.low[axis], domain.high[axis]
    if not low < high:
        return np.zeros(len(values))
    if domain.log[axis]:
        return np.log(values / low) / np.log(high / low)
    return (values - low) / (high - low)
