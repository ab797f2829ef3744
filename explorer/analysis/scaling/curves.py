"""Curves of a quantity along an axis, one for each size, on grids that may differ, with honest errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.analysis.bootstrap import RESAMPLES, Spread, interval, seed_weights
from explorer.analysis.boundary.base import on_grid, weighted_mean
from explorer.analysis.table import require, require_numeric
from explorer.errors import AnalysisError

# Errors below this share of a size's typical one, or of the whole range, would fix a curve to one point.
SMALLEST_SHARE = 0.1
SMALLEST_ERROR = 1e-6
STENCIL = 4
# Sum of squares of the weights of an interpolation, beyond which it multiplies the noise.
MOST_NOISE = 1.5
# An error that is given is taken as known: an interval from it is not widened for few replicates.
KNOWN = 10**6

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curves:
    """Points of all sizes one after another, sizes and points increasing: `owner` is the index of the size of each.

    `mean` and `se` are those over seeds, `values` the replicates, (seed, point), NaN where missing; None where each
    row is already an average.
    """

    sizes: Array
    owner: NDArray[np.int64]
    points: Array
    mean: Array
    se: Array
    values: Array | None
    n: int

    @property
    def seeds(self) -> int:
        """How many replicates; 1 where each row is an average."""
        return 1 if self.values is None else len(self.values)

    def resamples(self) -> tuple[Array, Array]:
        """Curves of resampled seeds, (resample, point), and the probability of each; normal noise of size `se` for averages.

        A point at which none of the drawn seeds has a value keeps its mean.
        """
        generator = np.random.default_rng(0)
        if self.values is None:
            drawn = self.mean + self.se * generator.standard_normal((RESAMPLES, len(self.mean)))
            return drawn, np.full(RESAMPLES, 1 / RESAMPLES)
        weights, probability = seed_weights(self.seeds, generator)
        drawn = weighted_mean(self.values, weights)
        return np.where(np.isfinite(drawn), drawn, self.mean), probability

    def interval(self, estimate: float, found: Array, probability: Array) -> Spread | None:
        """95 % interval and standard error of an estimate from what the resamples gave, (resample,)."""
        return interval(estimate, found, probability, KNOWN if self.values is None else self.seeds)


def curves(
    table: pd.DataFrame,
    along: str,
    order: str,
    size: str,
    seed: str = "seed",
    error: str | None = None,
    purpose: str = "scaling",
) -> Curves | str:
    """The curves of a table, one row a replicate, or one row an average with its standard error in the column `error`.

    Rows without finite numbers are left out. The variance of a point's replicates is that of its own and its two
    neighbours' deviations, with one degree of freedom added at the mean variance of the size: the sample variance of
    few replicates is poor, and zero where an outcome of 0 or 1 happens to be the same in all. Returned instead is the
    reason where there are no errors: one replicate at every point of a size, and no column of errors.

    Raises AnalysisError for a missing or non-numeric column, a size that is not positive, and an error that is
    negative or missing.
    """
    replicate = [seed] if error is None and seed in table.columns else []
    require(table, [along, order, size, *([error] if error else [])], purpose)
    for column in (along, order, size, *([error] if error else [])):
        require_numeric(table, column, purpose)
    numbers = table[[along, order, size]].to_numpy(dtype=float)
    kept: NDArray[np.bool_] = np.all(np.isfinite(numbers), axis=1)
    x, y, L = numbers[kept].T
    if (L <= 0).any():
        raise AnalysisError(f'{purpose}: column "{size}" holds {L.min():g}, expected positive sizes.')
    if error is not None:
        return _averages(x, y, L, table[error].to_numpy(dtype=float)[kept], error, purpose)
    rows = table.loc[kept]
    who = rows[seed].to_numpy() if replicate else rows.groupby([size, along]).cumcount().to_numpy()
    everyone = np.unique(who)
    parts = []
    for value in np.unique(L):
        grid, there, points = on_grid(who[value == L], x[value == L], y[value == L])
        values = np.full((len(everyone), len(points)), np.nan)
        values[np.searchsorted(everyone, there)] = grid
        counts = np.isfinite(values).sum(axis=0)
        mean = np.nanmean(values, axis=0)
        squares, free = np.nansum((values - mean) ** 2, axis=0), np.maximum(counts - 1, 0)
        pooled = squares.sum() / free.sum() if free.any() else np.nan
        near, freedom = (np.convolve(v, np.ones(3))[1:-1] for v in (squares, free))
        variance = (near + pooled) / (freedom + 1) / counts
        parts.append((np.full(len(points), value), points, mean, np.sqrt(variance), values))
    if not parts:
        return "no row has a finite value"
    sizes, points, mean, se = (np.concatenate(column) for column in list(zip(*parts, strict=True))[:4])
    values = np.concatenate([part[4] for part in parts], axis=1)
    if np.isnan(se).any():
        alone = ", ".join(f"{v:g}" for v in np.unique(sizes[np.isnan(se)]))
        return f"no errors: one replicate at each point of {size} {alone}; expected two or more"
    return _floored(sizes, points, mean, se, values, int(np.isfinite(values).sum()))


def _averages(x: Array, y: Array, L: Array, se: Array, error: str, purpose: str) -> Curves | str:
    if not (np.isfinite(se) & (se >= 0)).all():
        raise AnalysisError(f'{purpose}: column "{error}" holds missing or negative numbers, expected standard errors.')
    if not len(x):
        return "no row has a finite value"
    order = np.lexsort((x, L))
    x, y, L, se = x[order], y[order], L[order], se[order]
    if ((np.diff(x) == 0) & (np.diff(L) == 0)).any():
        raise AnalysisError(f"{purpose}: found two rows of one point and size; expected one average each.")
    return _floored(L, x, y, se, None, len(x))


def _floored(sizes: Array, points: Array, mean: Array, se: Array, values: Array | None, n: int) -> Curves:
    levels, owner = np.unique(sizes, return_inverse=True)
    typical = np.sqrt(np.bincount(owner, weights=se**2) / np.bincount(owner))
    least = max(SMALLEST_ERROR * float(np.ptp(mean)), 1e-12)
    floored = np.maximum(np.maximum(se, SMALLEST_SHARE * typical[owner]), least)
    return Curves(levels, owner.astype(np.int64), points, mean, floored, values, n)


def cubic(points: Array, where: Array, most_noise: float = MOST_NOISE) -> tuple[NDArray[np.intp], Array]:
    """How a curve on increasing points is interpolated: which points, and their weights, both (where, stencil).

    By the cubic through the four nearest, the parabola or the line where there are no four. Where the squares of the
    weights sum to more than `most_noise`, because points happen to lie close together, by the straight line between
    neighbours; everywhere, where it is 0.
    """
    n = len(points)
    width = min(STENCIL, n)
    left = np.clip(np.searchsorted(points, where, side="right") - 1, 0, max(n - 2, 0))
    stencil = np.clip(left - 1, 0, n - width)[:, None] + np.arange(width)
    nodes = points[stencil]
    weights = np.ones(nodes.shape)
    for j in range(width):
        for m in range(width):
            if m != j:
                weights[:, j] *= (where - nodes[:, m]) / (nodes[:, j] - nodes[:, m])
    if n > 1:
        part = ((where - points[left]) / (points[left + 1] - points[left]))[:, None]
        line = (stencil == left[:, None]) * (1 - part) + (stencil == left[:, None] + 1) * part
        noisy = (weights**2).sum(axis=1) > most_noise
        weights[noisy] = line[noisy]
    return stencil, weights
