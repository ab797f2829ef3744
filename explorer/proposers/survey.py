"""What the outcomes say so far: the field, the phase everywhere, and how well the boundary is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.spatial import KDTree

from explorer.analysis.gaussian_process import Field, variance_of_means
from explorer.analysis.plateaus import half_way
from explorer.proposers.base import Ask, Domain, Observed, Proposal
from explorer.proposers.lattice import Lattice, Places

# Islands of a larger radius than this, in the unit box, are not missed, by the number of axes.
COVER = {1: 0.02, 2: 0.065}
UNDECIDED = (0.025, 0.975)
Z = 1.96
# The boundary is known where at most this share of the domain is undecided away from it.
STRAY = 0.01
FEWEST_POINTS = 4
# A field is not believed about a boundary that lies farther than this many tolerances from a point of either phase, and farther
# than the smallest island that is looked for.
BELIEVED = 4

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SeedMeans:
    """Points (point, axis) with their seed means, counts, variances of the mean, and the next seed that is free at each."""

    points: Array
    means: Array
    counts: NDArray[np.int64]
    variances: Array
    next_seed: NDArray[np.int64]

    @classmethod
    def of(cls, observed: Observed, lattice: Lattice) -> SeedMeans:
        """Rows without a finite value are left out."""
        axes = len(lattice.steps)
        values = np.asarray(observed.values, dtype=float)
        there = np.isfinite(values)
        rows, values = np.reshape(observed.points, (-1, axes))[there], values[there]
        seeds = np.asarray(observed.seeds)[there]
        points, which = np.unique(rows, axis=0, return_inverse=True)
        which = which.ravel()
        counts = np.bincount(which, minlength=len(points))
        means = np.bincount(which, weights=values, minlength=len(points)) / np.maximum(counts, 1)
        squares = np.bincount(which, weights=(values - means[which]) ** 2, minlength=len(points))
        next_seed = np.zeros(len(points), dtype=np.int64)
        np.maximum.at(next_seed, which, seeds + 1)
        for point in np.reshape(observed.pending, (-1, axes)):
            next_seed[(points == point).all(axis=1)] += 1
        variances = squares / np.maximum(counts - 1, 1)
        noise = variance_of_means(lattice.unit(points), counts, variances) if len(points) else np.empty(0)
        return cls(points, means, counts, noise, next_seed)


@dataclass(frozen=True, slots=True)
class Survey:
    """Outcomes and what follows from them.

    `blocked` are points without a value, pending or failed. `field` is None until the data lie on both sides of `threshold`.
    `mean`, `sd`, the steepest `slope` along an axis of the unit box and the distance `gap` to the nearest point are on the coarse
    lattice. `half_width` is in units of the first axis.
    """

    lattice: Lattice
    data: SeedMeans
    pending: Array
    blocked: Array
    threshold: float | None
    field: Field | None
    mean: Array
    sd: Array
    slope: Array
    gap: Array
    undecided: float
    half_width: float
    known: bool

    @classmethod
    def of(cls, observed: Observed, domain: Domain, ask: Ask) -> Survey:
        """Fit what there is."""
        lattice = Lattice.of(domain)
        axes = len(lattice.steps)
        data = SeedMeans.of(observed, lattice)
        pending, failed = (np.reshape(points, (-1, axes)) for points in (observed.pending, observed.failed))
        blocked = np.concatenate([pending, failed])
        places = lattice.everywhere()
        box = lattice.box(places)
        gap = distance(box, lattice.unit(np.concatenate([data.points, blocked])))
        threshold = half_way(data.means, data.variances) if ask.threshold is None else ask.threshold
        above = data.means > (np.inf if threshold is None else threshold)
        if threshold is None or len(data.points) < FEWEST_POINTS or above.all() or not above.any():
            open_share, cover = float((gap > COVER[axes]).mean()), covered(gap, axes)
            none = np.full(len(places), np.nan)
            return cls(
                lattice, data, pending, blocked, threshold, None, none, none, none, gap, open_share, np.nan, cover
            )
        low, high = domain.low, np.where(domain.high > domain.low, domain.high, domain.low + 1.0)
        field = Field.fit(data.points, data.means, data.variances, low, high, domain.log, threshold)
        mean, sd = field.predict(lattice.points(places))
        slope, half = _boundary(lattice, mean - threshold, sd)
        known_side = special.ndtr((mean - threshold) / np.maximum(sd, 1e-300))
        open_places = (known_side > UNDECIDED[0]) & (known_side < UNDECIDED[1])
        curve = np.isfinite(half)
        width = float(half[curve].max()) if curve.any() else float("nan")
        near = _reach(lattice, ask.tolerance)
        away = open_places & (distance(box, box[curve]) > near)
        found = covered(gap, axes)
        if curve.any():
            found = width <= ask.tolerance and _bracketed(lattice, ask.tolerance, box[curve], data.points, above)
        known = bool(away.mean() <= STRAY and found)
        share = float(open_places.mean())
        return cls(lattice, data, pending, blocked, threshold, field, mean, sd, slope, gap, share, width, known)

    @property
    def covered(self) -> bool:
        """Whether no island of more than the smallest radius can be missed."""
        return covered(self.gap, len(self.lattice.steps))

    def taken(self) -> Places:
        """Keys of the places with a value, pending or failed."""
        return np.unique(self.lattice.held(np.concatenate([self.data.points, self.blocked])))

    def answer(self, rows: tuple[Array, NDArray[np.int64]]) -> Proposal:
        """The proposal of these rows; with none there is nothing more to do."""
        points, seeds = rows
        return Proposal(points, seeds, self.undecided, self.half_width, self.known or not len(points))

    def nothing(self) -> tuple[Array, NDArray[np.int64]]:
        """No rows."""
        return np.empty((0, len(self.lattice.steps))), np.empty(0, dtype=np.int64)


def distance(box: Array, points: Array) -> Array:
    """From each place in the unit box to the nearest of these points; infinite where there are none."""
    return np.asarray(KDTree(points).query(box)[0]) if len(points) else np.full(len(box), np.inf)


def covered(gap: Array, axes: int) -> bool:
    """Whether every place is near a point."""
    return bool(gap.max() <= COVER[axes])


def _reach(lattice: Lattice, tolerance: float) -> float:
    """How far from the boundary's places its own band reaches, in the unit box."""
    spacing = max(
        float(np.diff(units[at]).max()) if len(at) > 1 else 0.0
        for units, at in zip(lattice.units, lattice.coarse(), strict=True)
    )
    span = float(lattice.domain.high[0] - lattice.domain.low[0]) or 1.0
    return 2 * spacing + 2 * tolerance / span


def _bracketed(lattice: Lattice, tolerance: float, curve: Array, points: Array, above: NDArray[np.bool_]) -> bool:
    """Whether points of both phases lie near every place of the boundary: a field through few points trusts its smoothness."""
    span = float(lattice.domain.high[0] - lattice.domain.low[0]) or 1.0
    near = max(COVER[len(lattice.steps)], BELIEVED * tolerance / span)
    unit = lattice.unit(points)
    return all(bool((distance(curve, unit[side]) <= near).all()) for side in (above, ~above))


def _boundary(lattice: Lattice, above: Array, sd: Array) -> tuple[Array, Array]:
    """The steepest slope at every coarse place, and beside the level curve the 95 % half-width of it, NaN elsewhere.

    The half-width is 1.96 sd over the slope, along the first axis where the field is steeper along it in the unit box, else along
    the second, and in units of the first: a curve that runs along the first axis has no width along it.
    """
    shape = tuple(len(at) for at in lattice.coarse())
    f, units = above.reshape(shape), [units[at] for units, at in zip(lattice.units, lattice.coarse(), strict=True)]
    slopes = [np.abs(np.gradient(f, u, axis=a)) if len(u) > 1 else np.zeros(shape) for a, u in enumerate(units)]
    beside = np.zeros(shape, dtype=bool)
    for axis, unit in enumerate(units):
        first, second = [slice(None)] * len(shape), [slice(None)] * len(shape)
        first[axis], second[axis] = slice(0, -1), slice(1, None)
        one, other = tuple(first), tuple(second)
        passes = (f[one] > 0) != (f[other] > 0)
        step = np.diff(unit).reshape([-1 if a == axis else 1 for a in range(len(shape))])
        between = np.where(passes, np.abs(f[other] - f[one]) / step, 0.0)
        for side in (one, other):
            beside[side] |= passes
            slopes[axis][side] = np.maximum(slopes[axis][side], between)
    slope = np.max(slopes, axis=0).ravel()
    low, high = float(lattice.domain.low[0]), float(lattice.domain.high[0])
    first_values = lattice.points(lattice.everywhere())[:, 0]
    scale = (
        first_values * np.log(high / low) if lattice.domain.log[0] and high > low else np.full(len(slope), high - low)
    )
    half = np.where(beside.ravel(), Z * sd / np.maximum(slope, 1e-300) * scale, np.nan)
    return slope, half
