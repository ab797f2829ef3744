"""Where the curves of two sizes cross."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.analysis.scaling.curves import Array, Curves, curves
from explorer.analysis.scaling.extrapolate import FEWEST_SIZES, extrapolate

# Standard errors by which the difference of two curves must leave zero on each side of a crossing.
CLEAR = 3.0
EACH_SIDE = 2
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
    """The difference of the curves of two sizes on the points of the larger: a matrix (such point, point of all curves).

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
        near = cut[..., None] + np.arange(-EACH_SIDE, EACH_SIDE)
        x, weight, height = self.points[near], 1 / self.variance[near], np.take_along_axis(d, near, axis=-1)
        total = weight.sum(axis=-1)
        origin = (weight * x).sum(axis=-1) / total
        away = x - origin[..., None]
        slope = (weight * away * height).sum(axis=-1) / (weight * away**2).sum(axis=-1)
        level = (weight * height).sum(axis=-1) / total
        step = np.divide(-level, slope, out=np.zeros_like(level), where=slope * self.sign > 0)
        return np.clip(origin + step, x[..., 0], x[..., -1])

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

    D = m_L' − m_L, m_L interpolated to the points of L', changes its sign where the points' signs, weighted by
    (D/error)², agree best. There is a crossing if on each side some point is three standard errors from zero. It is
    the root of the straight line through the two points on each side, by weighted least squares. Errors are those of
    the whole search in resampled curves.

    `critical` is p_c of `extrapolate` on √(L L') where three or more crossings determine it, else their weighted
    mean, whose error allows for the curves that neighbouring crossings share.

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
    errors = np.sqrt(np.diag(covariance))
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
    mean_se = float(np.sqrt(weight @ covariance @ weight))
    return SizeCrossings(frame, float(weight @ roots), mean_se, "weighted mean", "; ".join(notes))


def find_crossing(data: Curves, i: int) -> Crossing | None:
    """The crossing of sizes number i and i + 1; None where the difference does not clearly change its sign."""
    small, large = np.flatnonzero(data.owner == i), np.flatnonzero(data.owner == i + 1)
    x, theirs = data.points[large], data.points[small]
    inside = (x >= theirs[0]) & (x <= theirs[-1])
    if len(small) < 2 or inside.sum() < 2 * EACH_SIDE:
        return None
    x, large = x[inside], large[inside]
    left = np.clip(np.searchsorted(theirs, x, side="right") - 1, 0, len(small) - 2)
    share = (x - theirs[left]) / (theirs[left + 1] - theirs[left])
    rows = np.arange(len(x))
    difference = np.zeros((len(x), len(data.points)))
    difference[rows, large] = 1.0
    difference[rows, small[left]] -= 1 - share
    difference[rows, small[left + 1]] -= share
    d, variance = difference @ data.mean, difference**2 @ data.se**2
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
