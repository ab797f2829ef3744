"""Values that belong to no branch: a training that all but diverged, in a row that says it did not."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FACTOR = 10.0
MOST = 0.1
FEWEST_SEEDS = 3


def far_off(values: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which values are far from all others: at a point where most seeds agree that they are.

    values and points (row,), NaN for missing. Sorted by distance from the median, values are far off from the first place on at
    which the distance grows tenfold, among the last tenth of the rows; and only where they are fewer than half of the three or more
    values at their point, so that a phase which begins at the end of the axis is none. Noise of any law in use keeps clear of it:
    the largest of 1000 Student-t variables with three degrees of freedom stands about 1.4 times as far out as the second.
    """
    away = np.abs(values - np.nanmedian(values)) if np.isfinite(values).any() else np.full(len(values), np.nan)
    there = np.flatnonzero(np.isfinite(away))
    order = there[np.argsort(away[there], kind="stable")]
    first = max(int(np.ceil((1 - MOST) * len(order))), 1)
    distances = away[order]
    found = np.zeros(len(values), dtype=bool)
    grows = np.flatnonzero((distances[first:] > FACTOR * distances[first - 1 : -1]) & (distances[first - 1 : -1] > 0))
    if not len(grows):
        return found
    found[order[first + grows[0] :]] = True
    for point in np.unique(points[found]):
        here = (points == point) & np.isfinite(values)
        if here.sum() < FEWEST_SEEDS or 2 * (found & here).sum() >= here.sum():
            found[here] = False
    return found


def without_far_off(table: pd.DataFrame, column: str, along: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows whose value of a column is not far off, and a note that says which were left out."""
    values, points = table[column].to_numpy(dtype=float), table[along].to_numpy(dtype=float)
    found = far_off(values, points)
    if not found.any():
        return table, ()
    where = ", ".join(
        f"{value:.3g} at {point:.4g}" for value, point in list(zip(values[found], points[found], strict=True))[:3]
    )
    more = ", …" if found.sum() > 3 else ""
    return table[~found], (
        f"{found.sum()} of {len(table)} values of {column} far from all others left out: {where}{more}",
    )
