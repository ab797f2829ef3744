"""Where the curves of two sizes cross."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.analysis.scaling.curves import SMALLEST_ERROR, Array, Curves, cubic, curves
from explorer.analysis.scaling.extrapolate import FEWEST_SIZES, extrapolate

# Standard errors by which the difference of two curves must leave zero on each side of a crossing.
CLEAR = 4.0
EACH_SIDE = 2
PIECES = 4
COLUMNS = ("small", "large", "crossing", "se")


@dataclass(frozen=True, slots=True)
class SizeCrossings:
    """The crossings of consecutive sizes, a frame of `small`, `large`, `crossing` and `se`, NaN where the two do not cross.

    `critical` is where they go as the sizes grow, with its standard error; `method` says how, `note` what was not
    found.
    """

    table: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS, dtype=float))
    critical: float | None = None
    critical_se: float | None = None
    method: str = ""
    note: str = ""


class Crossing(NamedTuple):
    """The difference of the curves of two sizes on `points`: a matrix (such point, point of all curves).

    It goes from `-sign` to `sign`.
    """

    points: Array
    difference: Array
    variance: Array
    sign: float

    def roots(self, values: Array) -> Array:
        """Where the difference is zero, (…,), for curves (…, point); within the stretch in which both sizes were measured."""
        d = values @ self.difference.T
        cut = self.cuts(d)
        before, after = (np.take_along_axis(d, c[..., None], axis=-1)[..., 0] for c in (cut - 1, cut))
        rise = after - before
        opposite = (before * self.sign <= 0) & (after * self.sign >= 0) & (rise != 0)
        share = np.divide(-before, rise, out=np.full(cut.shape, 0.5), where=opposite)
        return self.points[cut - 1] + share * (self.points[cut] - self.points[cut - 1])

    def cuts(self, d: Array) -> NDArray[np.intp]:
        """How many points lie left of the change of sign, (…,): where the signs of D, weighted by (D/error)², agree best with one."""
        spoken = self.sign * d * np.abs(d) / self.variance
        return np.cumsum(spoken, axis=-1)[..., EACH_SIDE - 1 : -EACH_SIDE].argmin(axis=-1) + EACH_SIDE


def size_crossings(
    table: pd.DataFrame, along: str, size: str = "dimension", value: str = "mean", error: str = "se"
) -> SizeCrossings:
    """Where the curves of consecutive sizes (L, L') cross, and where these crossings go.

    `table` holds one row an average, as `replicates` and `binder` give: columns `size` > 0, `along`, `value` and its
    standard error `error`; rows without either are left out. The grids of the sizes may differ.

    D = m_L' − m_L, on the points of L' and three more between neighbours, both curves interpolated by cubics, changes
    its sign where the points' signs, weighted by (D/error)², agree best. There is a crossing if on each side some
    point is four standard errors from zero, what a cubic differs from a straight line counted as error. It is
    interpolated between the two points of the change, or half-way where these happen to have other signs. Errors are
    those of the whole search in resampled curves.

    `critical` is p_c of `extrapolate` on √(L L') where three or more crossings determine it, else their weighted
    mean, whose error allows for the curves that neighbouring crossings share, and is widened by the root of χ² per
    degree of freedom where they disagree.

    Raises AnalysisError for a missing or non-numeric column, sizes that are not positive and negative errors.
    """
    kept = table.dropna(subset=[c for c in (value, error) if c in table.columns])
    data = curves(kept, along, value, size, error=error, purpose="size_crossings")
    return SizeCrossings(note=data) if isinstance(data, str) else cross_curves(data)


def cross_curves(data: Curves) -> SizeCrossings:
    """`size_crossings` of curves that are made already."""
    if len(data.sizes) < 2:
        return SizeCrossings(note="1 size; a crossing needs at least 2")
    lines = [find_crossing(data, i) for i in range(len(data.sizes) - 1)]
    pairs = list(zip(data.sizes[:-1], data.sizes[1:], strict=True))
    found = [line for line in lines if line is not None]
    names = [f"{a:g} and {b:g}" for (a, b), line in zip(pairs, lines, strict=True) if line is None]
    notes = [f"the curves of sizes {' and of '.join(names)} do not cross"] if names else []
    roots = np.array([float(line.roots(data.mean)) for line in found])
    covariance = _covariance(data, found)
    errors = np.maximum(np.sqrt(np.diag(covariance)), SMALLEST_ERROR * float(np.ptp(data.points)))
    results = iter(zip(roots, errors, strict=True))
    rows = [(*pair, *(next(results) if line else (np.nan, np.nan))) for pair, line in zip(pairs, lines, strict=True)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    if not found:
        return SizeCrossings(frame, note="; ".join(notes))
    if len(found) >= FEWEST_SIZES:
        law = extrapolate([math.sqrt(a * b) for (a, b), line in zip(pairs, lines, strict=True) if line], roots, errors)
        if law.critical is not None and law.nu is not None and not law.note:
            return SizeCrossings(frame, law.critical, law.critical_se, "power law in the size", "; ".join(notes))
        if law.nu is not None or law.critical is None:
            notes.append(f"crossings not extrapolated: {law.note}")
    weight = errors**-2 / (errors**-2).sum()
    mean = float(weight @ roots)
    disagree = float((((roots - mean) / errors) ** 2).sum()) / max(len(roots) - 1, 1)
    mean_se = math.sqrt(float(weight @ covariance @ weight) * max(disagree, 1.0))
    return SizeCrossings(frame, mean, mean_se, "weighted mean", "; ".join(notes))


def find_crossing(data: Curves, i: int) -> Crossing | None:
    """The crossing of sizes number i and i + 1; None where the difference does not clearly change its sign."""
    small, large = np.flatnonzero(data.owner == i), np.flatnonzero(data.owner == i + 1)
    ours, theirs = data.points[large], data.points[small]
    x = np.interp(np.arange((len(ours) - 1) * PIECES + 1) / PIECES, np.arange(len(ours)), ours)
    x = x[(x >= theirs[0]) & (x <= theirs[-1])]
    if min(len(small), len(large)) < 2 or len(x) < 2 * EACH_SIDE:
        return None
    rows = np.arange(len(x))[:, None]
    difference = np.zeros((len(x), len(data.points)))
    missed = np.zeros(len(x))
    for own, sign in ((large, 1.0), (small, -1.0)):
        stencil, weights = cubic(data.points[own], x)
        difference[rows, own[stencil]] = sign * weights
        curved, straight = (cubic(data.points[own], x, most_noise=limit)[1] for limit in (np.inf, 0.0))
        missed += ((curved - straight) * data.mean[own[stencil]]).sum(axis=1) ** 2
    d, variance = difference @ data.mean, difference**2 @ data.se**2 + missed
    z = d / np.sqrt(variance)
    for sign in (1.0, -1.0):
        crossing = Crossing(x, difference, variance, sign)
        cut = int(crossing.cuts(d))
        if (-sign * z[:cut]).max() >= CLEAR and (sign * z[cut:]).max() >= CLEAR:
            return crossing
    return None


def _covariance(data: Curves, lines: list[Crossing]) -> Array:
    """Covariance of the roots over resampled curves, (crossing, crossing); NaN where one seed tells nothing about it."""
    if data.values is not None and data.seeds < 2:
        return np.full((len(lines), len(lines)), np.nan)
    if not lines:
        return np.empty((0, 0))
    values, probability = data.resamples()
    drawn = np.stack([line.roots(values) for line in lines], axis=1)
    wider = 1.0 if data.values is None else data.seeds / (data.seeds - 1)
    return wider * np.cov(drawn.T, aweights=probability, ddof=0).reshape(len(lines), -1)
