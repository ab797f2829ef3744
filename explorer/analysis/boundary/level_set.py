"""Where a smooth field through the seed means passes a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.analysis.bootstrap import Spread, over_resamples
from explorer.analysis.boundary.base import Boundary, Problem, estimators, no_interval, weighted_mean
from explorer.analysis.gaussian_process import Field, kept, unit_box, variance_of_means
from explorer.analysis.plateaus import half_way
from explorer.analysis.table import require, require_numeric

METHOD = "level of a Gaussian process; wider of posterior and bootstrap over seeds"
FEWEST_POINTS = 4
FINE = 161
DRAWS = 400
# An axis that spans this ratio in even ratios is a logarithmic one.
LOG_SPAN = 20.0

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Means:
    """Values on the grid (seed, point) of the points (point, axis), with their seed means, variances and the field's threshold."""

    points: Array
    values: Array
    means: Array
    variances: Array
    log: tuple[bool, ...]

    @classmethod
    def of(cls, table: pd.DataFrame, problem: Problem, axes: list[str]) -> _Means:
        """From rows; several rows of one cell are averaged."""
        wide = table.pivot_table(index=axes, columns=problem.seed, values=problem.order, aggfunc="mean", sort=True)
        points = np.array([np.atleast_1d(at) for at in wide.index], dtype=float).reshape(-1, len(axes))
        values = wide.to_numpy(dtype=float).T
        counts = np.isfinite(values).sum(axis=0)
        means = weighted_mean(values, np.ones(len(values)))
        squared = np.where(np.isfinite(values), (values - means) ** 2, 0.0).sum(axis=0)
        log = tuple(logarithmic(points[:, axis]) for axis in range(len(axes)))
        box = unit_box(points, points.min(axis=0), points.max(axis=0), log)
        return cls(points, values, means, variance_of_means(box, counts, squared / np.maximum(counts - 1, 1)), log)


def logarithmic(values: Array) -> bool:
    """Whether the values of an axis are positive, span a ratio of 20 or more, and lie more evenly in their logarithms."""
    there = np.unique(values)
    if len(there) < FEWEST_POINTS or there[0] <= 0 or there[-1] < LOG_SPAN * there[0]:
        return False
    straight, logs = np.diff(there), np.diff(np.log(there))
    return bool(logs.std() / logs.mean() < straight.std() / straight.mean())


def crossings(x: Array, curve: Array, level: float) -> Array:
    """Where a curve (point,) on an increasing grid passes a level, by straight lines between grid points; increasing."""
    above = curve > level
    at = np.flatnonzero(above[1:] != above[:-1])
    return x[at] + (level - curve[at]) / (curve[at + 1] - curve[at]) * (x[at + 1] - x[at])


@estimators.register("level_set")
def level_set(problem: Problem) -> list[Boundary]:
    """Where the order parameter passes a threshold, from a Gaussian process through its seed means.

    The field (`gaussian_process.Field`) is fitted to the seed means along random starts, over `along` and, where it is given,
    over `across`; each mean has its own noise, from the seeds. `critical` is where the posterior mean passes the threshold, by
    default half-way between the plateaus of the seed means (`plateaus.half_way`), and a column `threshold` says which. With `across`
    there is a row for each of its values in the data, whose column it is; else one row. Where the field passes several times the
    steepest passage is `critical` and a note tells all. The interval is the wider of two: that of 400 joint draws of the posterior,
    which knows of gaps between points, and a bootstrap over seeds with kernel and noise held, which knows that cells which share
    a seed are not independent. An axis over a ratio of 20 or more whose logarithms are more evenly spaced is logarithmic.

    Raises AnalysisError for a missing or non-numeric column `across`.
    """
    axes = [problem.along, *([problem.across] if problem.across else [])]
    table = problem.table
    if problem.across:
        require(table, [problem.across], "level_set")
        require_numeric(table, problem.across, "level_set")
        table = table[np.isfinite(table[problem.across].to_numpy(dtype=float))]
    said: tuple[str, ...] = ()
    if problem.start in table.columns and len(table):
        starts = table[problem.start].unique()
        if "random" in starts:
            table = table[table[problem.start] == "random"]
        else:
            said = (f'no start is called "random": used {", ".join(map(str, starts))}',)
    if not len(table):
        return [Boundary(notes=(f"no row holds numbers of {' and '.join(axes)}",))]
    data = _Means.of(table, problem, axes)
    seeds, rows = len(data.values), list(np.unique(data.points[:, 1])) if problem.across else [None]
    threshold = problem.threshold
    refused = _refusal(data, problem, threshold)
    if refused:
        return [Boundary(seeds=seeds, notes=(refused, *said), at=_at(problem, row)) for row in rows]
    level = half_way(data.means, data.variances) if threshold is None else threshold
    assert level is not None
    field = Field.fit(data.points, data.means, data.variances, log=data.log, level=level)
    return [_row(data, field, problem, level, row, said) for row in rows]


def _at(problem: Problem, row: float | None) -> dict[str, float]:
    return {} if row is None or problem.across is None else {problem.across: float(row)}


def _refusal(data: _Means, problem: Problem, threshold: float | None) -> str:
    """Why there can be no boundary; empty where there can."""
    there = len(np.unique(data.points[:, 0]))
    if there < FEWEST_POINTS:
        return f"{there} value{'s' * (there != 1)} of {problem.along}; a level set needs at least {FEWEST_POINTS}"
    low, high = float(data.means.min()), float(data.means.max())
    stays = f"{problem.order} stays between {low:.3g} and {high:.3g}"
    if threshold is None and half_way(data.means, data.variances) is None:
        return f"one phase only: {stays}"
    if threshold is not None and not low < threshold < high:
        return f"one phase only: {stays}, on one side of {threshold:.3g}"
    return ""


def _row(
    data: _Means, field: Field, problem: Problem, level: float, row: float | None, said: tuple[str, ...]
) -> Boundary:
    """The boundary at one value of the second axis."""
    seeds, n = len(data.values), int(np.isfinite(data.values).sum())
    low, high = float(data.points[:, 0].min()), float(data.points[:, 0].max())
    x = np.geomspace(low, high, FINE) if data.log[0] else np.linspace(low, high, FINE)
    at = x[:, None] if row is None else np.stack([x, np.full(FINE, row)], axis=1)
    mean, _ = field.predict(at)
    found = crossings(x, mean, level)
    quantities = {"threshold": level}
    if not len(found):
        side = "above" if mean[0] > level else "below"
        note = f"{problem.order} stays {side} {level:.3g} over [{low:g}, {high:g}]"
        return Boundary(seeds=seeds, notes=(note, *said), at=_at(problem, row), quantities=quantities)
    steep = np.abs(np.interp(found, x, np.gradient(mean, x)))
    critical = float(found[np.argmax(steep)])
    several = (
        f"passes {level:.3g} {len(found)} times, at {', '.join(f'{each:.4g}' for each in found)}; the steepest is given"
    )
    notes = (*([several] if len(found) > 1 else []), *said)
    here = data.points[:, 0] if row is None else data.points[data.points[:, 1] == row, 0]
    beyond = float(max(here.min() - critical, critical - here.max(), 0.0))
    spreads = _spreads(data, field, x, at, level, critical)
    if spreads is None:
        notes = (no_interval(seeds), *notes)
        return Boundary(
            critical, None, None, None, seeds, None, beyond, notes, None, METHOD, n, _at(problem, row), quantities
        )
    low, high = min(s.low for s in spreads), max(s.high for s in spreads)
    se = max(s.se for s in spreads)
    return Boundary(critical, low, high, None, seeds, None, beyond, notes, se, METHOD, n, _at(problem, row), quantities)


def _spreads(
    data: _Means, field: Field, x: Array, at: Array, level: float, critical: float
) -> tuple[Spread, Spread] | None:
    """The posterior's interval and the bootstrap's; none where seeds are too few, or half of either do not cross."""
    chosen = kept(data.means, level)
    values, means = data.values[:, chosen], data.means[chosen]

    def resampled(weights: Array) -> Array:
        again = weighted_mean(values, weights)
        return _nearest(x, field.mean_of(at, np.where(np.isfinite(again), again, means)), level, critical)

    seeds = over_resamples(critical, len(data.values), resampled)
    drawn = _nearest(x, field.sample(at, DRAWS), level, critical)
    drawn = drawn[np.isfinite(drawn)]
    if seeds is None or len(drawn) < DRAWS / 2:
        return None
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Spread(min(low, critical), max(high, critical), float(drawn.std())), seeds


def _nearest(x: Array, curves: Array, level: float, critical: float) -> Array:
    """Where each curve (curve, point) passes the level nearest to `critical`; NaN where it does not."""
    found = [crossings(x, curve, level) for curve in curves]
    return np.array([each[np.argmin(np.abs(each - critical))] if len(each) else np.nan for each in found])
