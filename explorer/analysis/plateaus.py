"""Half-way between two phases."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from explorer.analysis.boundary.logistic import SMALLEST_RISE

Array = NDArray[np.float64]


def half_way(means: Array, variances: Array) -> float | None:
    """The value half-way between two phases, from means (point,) with their variances (NaN: not known); None without two phases.

    The upper plateau is the mean, weighted with inverse variances, of all points above the highest lower end of their 95 % intervals,
    the lower one likewise: one noisy point makes no plateau, and points that crowd at the boundary move none. There are two phases
    where that highest lower end and the lowest upper end are apart by at least 0.2, as for `switch`: an order parameter on another
    scale needs a threshold.
    """
    if not len(means):
        return None
    spread = np.where(np.isfinite(variances), variances, 0.0)
    error = 1.96 * np.sqrt(spread)
    low, high = float((means + error).min()), float((means - error).max())
    if high - low < SMALLEST_RISE:
        return None
    weights = 1 / np.maximum(spread, 1e-6 * (high - low) ** 2)
    lower, upper = means <= low, means >= high
    return (
        float(np.average(means[lower], weights=weights[lower]) + np.average(means[upper], weights=weights[upper])) / 2
    )
