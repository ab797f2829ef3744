"""What an estimator is given and what it answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.errors import AnalysisError
from explorer.registry import Registry


@dataclass(frozen=True, slots=True)
class Problem:
    """One group of outcomes and the names of the columns that matter; `across` is the second axis of a level set.

    `threshold` is the value of the order parameter between the phases, where the caller gives one.
    """

    table: pd.DataFrame
    along: str
    order: str = "localization"
    loss: str = "loss"
    seed: str = "seed"
    start: str = "init"
    size: str = "dimension"
    across: str | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Boundary:
    """An estimate: location with its standard error and 95 % interval, or a note that says why there is none.

    `method` says how it was found and `n` from how many outcomes. `width` is the distance over which the order parameter
    goes from 12 % to 88 % of its rise (switch only); `mixed` the range of the axis in which minimizers of neither pure phase
    were found; `beyond` how far a branch was extrapolated (crossing only). `at` is where on other axes the estimate was
    made, and `quantities` what else an estimator found; both become columns.
    """

    critical: float | None = None
    low: float | None = None
    high: float | None = None
    width: float | None = None
    seeds: int = 0
    mixed: tuple[float, float] | None = None
    beyond: float | None = None
    notes: tuple[str, ...] = field(default=())
    se: float | None = None
    method: str = ""
    n: int = 0
    at: Mapping[str, float] = field(default_factory=dict)
    quantities: Mapping[str, float | str | None] = field(default_factory=dict)


def columns_read(problem: Problem) -> list[str]:
    """The columns that telling phases and seeds apart takes, as far as the table has them: fewer columns are cut faster."""
    names = (problem.along, problem.order, problem.loss, problem.seed, problem.start, problem.size, "tying", "coverage")
    return [name for name in dict.fromkeys(names) if name in problem.table.columns]


# An estimate, or several along other axes; never none.
Estimator = Callable[[Problem], Boundary | Sequence[Boundary]]

estimators: Registry[Estimator] = Registry("estimator", "explorer.analysis.boundary", AnalysisError)

Several = Callable[[Sequence[Problem]], Sequence[Boundary]]
_several: dict[Estimator, Several] = {}


def together(method: Estimator, several: Several) -> None:
    """Say that an estimator answers several problems faster at once, to the same bits."""
    _several[method] = several


def answers(method: Estimator, problems: Sequence[Problem]) -> list[Sequence[Boundary]]:
    """What an estimator answers to each of the problems."""
    several = _several.get(method)
    found = several(problems) if several is not None else [method(problem) for problem in problems]
    return [[one] if isinstance(one, Boundary) else one for one in found]


def by_seed(table: pd.DataFrame, problem: Problem, value: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values on the grid (seed, point), missing as NaN, and the points, increasing; several rows of one cell are averaged."""
    values = table[value].to_numpy(dtype=float)
    along = table[problem.along].to_numpy(dtype=float)
    grid, _, points = on_grid(table[problem.seed].to_numpy(), along, values)
    return grid, points


def on_grid(
    seeds: NDArray[Any], along: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[Any], NDArray[np.float64]]:
    """The finite values on the grid (seed, point), averaged where there are several, and the seeds and points that have any."""
    present = np.isfinite(values)
    points, column = np.unique(along[present], return_inverse=True)
    there, row = np.unique(seeds[present], return_inverse=True)
    at, shape = row * len(points) + column, (len(there), len(points))
    counts = np.bincount(at, minlength=math.prod(shape)).reshape(shape)
    sums = np.bincount(at, weights=values[present], minlength=math.prod(shape)).reshape(shape)
    return np.divide(sums, counts, out=np.full(shape, np.nan), where=counts > 0), there, points


def weighted_mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over seeds at every point with integer seed weights, (…, seed); NaN where no seed with weight has a value."""
    present = np.isfinite(values)
    total = weights @ present.astype(float)  # a product with booleans would not go through BLAS
    summed = weights @ np.where(present, values, 0.0)
    return np.divide(summed, total, out=np.full(summed.shape, np.nan), where=total > 0)


def no_interval(seeds: int) -> str:
    """Why an estimate has no interval."""
    return (
        "no interval: it takes at least two seeds"
        if seeds < 2
        else "no interval: too few resamples of the seeds gave a value"
    )


def mixed_range(problem: Problem, phases: pd.Series) -> tuple[float, float] | None:
    """The smallest and the largest value of the axis at which a mixed minimizer was found."""
    found = problem.table[problem.along].to_numpy(dtype=float)[phases.to_numpy() == "mixed"]
    return (float(found.min()), float(found.max())) if len(found) else None
