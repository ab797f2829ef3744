"""What an estimator is given and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.errors import AnalysisError
from explorer.registry import Registry


@dataclass(frozen=True, slots=True)
class Problem:
    """One group of outcomes and the names of the columns that matter."""

    table: pd.DataFrame
    along: str
    order: str = "localization"
    loss: str = "loss"
    seed: str = "seed"
    start: str = "init"
    size: str = "dimension"


@dataclass(frozen=True, slots=True)
class Boundary:
    """An estimate: location with its 95 % interval, or a note that says why there is none.

    `width` is the distance over which the order parameter goes from 12 % to 88 % of its rise (switch only);
    `mixed` the range of the axis in which minimizers of neither pure phase were found; `beyond` how far a branch was
    extrapolated (crossing only).
    """

    critical: float | None = None
    low: float | None = None
    high: float | None = None
    width: float | None = None
    seeds: int = 0
    mixed: tuple[float, float] | None = None
    beyond: float | None = None
    notes: tuple[str, ...] = field(default=())


Estimator = Callable[[Problem], Boundary]

estimators: Registry[Estimator] = Registry("estimator", "explorer.analysis.boundary", AnalysisError)


def by_seed(table: pd.DataFrame, problem: Problem, value: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values on the grid (seed, point), missing as NaN, and the points, increasing; several rows of one cell are averaged."""
    pivot = table.pivot_table(index=problem.seed, columns=problem.along, values=value, aggfunc="mean")
    return pivot.to_numpy(dtype=float), pivot.columns.to_numpy(dtype=float)


def weighted_mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over seeds at every point with integer seed weights, NaN where no seed with weight has a value."""
    present = np.isfinite(values)
    total = weights @ present
    summed = weights @ np.where(present, values, 0.0)
    return np.divide(summed, total, out=np.full(values.shape[1], np.nan), where=total > 0)


def no_interval(seeds: int) -> str:
    """Why an estimate has no interval."""
    return (
        "no interval: it takes at least two seeds"
        if seeds < 2
        else "no interval: too few resamples of the seeds gave a value"
    )


def mixed_range(problem: Problem, phases: pd.Series) -> tuple[float, float] | None:
    """The smallest and the largest value of the axis at which a mixed minimizer was found."""
    found = problem.table.loc[phases == "mixed", problem.along]
    return (float(found.min()), float(found.max())) if len(found) else None
