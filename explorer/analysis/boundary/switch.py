"""Where training from a random start changes branch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import expit

from explorer.analysis.bootstrap import over_seeds
from explorer.analysis.boundary.base import (
    Boundary,
    Problem,
    by_seed,
    estimators,
    mixed_range,
    no_interval,
    weighted_mean,
)
from explorer.analysis.phases import classify

FEWEST_POINTS = 4
SMALLEST_RISE = 0.2
RISE_TO_WIDTH = 4.0


def _logistic(parameters: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    low, rise, location, log_scale = parameters
    return low + rise * expit((x - location) * np.exp(-log_scale))


def _fit(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Least squares for low + rise / (1 + exp(−(x − location)/scale)); None without a rise or where it does not settle.

    The location is free to lie outside the data, so that a rise which is cut off is not pinned to their end.
    """
    present = np.isfinite(y)
    x, y = x[present], y[present]
    if len(x) < FEWEST_POINTS or np.ptp(y) < SMALLEST_RISE:
        return None
    span, step = np.ptp(x), float(np.diff(x).min())
    middle = (y.min() + y.max()) / 2
    sign = 1.0 if y[-1] >= y[0] else -1.0
    above = np.flatnonzero(sign * (y - middle) > 0)
    start = np.array([y[0], y[-1] - y[0] or sign * np.ptp(y), x[above[0]] - step / 2, np.log(span / 20)])
    lower = [y.min() - 0.5 * np.ptp(y), -2 * np.ptp(y), x[0] - span, np.log(step / 20)]
    upper = [y.max() + 0.5 * np.ptp(y), 2 * np.ptp(y), x[-1] + span, np.log(span)]
    start = np.clip(start, np.array(lower) + 1e-9, np.array(upper) - 1e-9)
    fitted = least_squares(lambda p: _logistic(p, x) - y, start, bounds=(lower, upper))
    return fitted.x if fitted.success else None


@estimators.register("switch")
def switch(problem: Problem) -> Boundary:
    """Location and width of a logistic in the control axis, fitted to the seed mean of the order parameter.

    y(x) = low + rise / (1 + exp(−(x − x_c)/s)) along random starts; `critical` is x_c, `width` 4 s. The interval is a
    bootstrap over seeds. It depends on learning rate, surrogate width, dimension and time: where gradient descent changes
    branch is not where the branches have equal loss.
    """
    table = problem.table
    said: tuple[str, ...] = ()
    if problem.start in table.columns and "random" in set(table[problem.start]):
        table = table[table[problem.start] == "random"]
    elif problem.start in table.columns and len(table):
        starts = ", ".join(map(str, table[problem.start].unique()))
        said = (f'no start is called "random": used {starts}',)
    values, points = by_seed(table, problem, problem.order) if len(table) else (np.empty((0, 0)), np.empty(0))
    seeds = values.shape[0]
    phases = classify(table, problem.order, problem.size) if len(table) else None
    mixed = mixed_range(Problem(table, problem.along), phases) if phases is not None else None
    if len(points) < FEWEST_POINTS:
        note = f"{len(points)} values of {problem.along} from random starts; a switch needs at least {FEWEST_POINTS}"
        return Boundary(seeds=seeds, mixed=mixed, notes=(note, *said))
    mean = weighted_mean(values, np.ones(seeds))
    if np.ptp(mean) < SMALLEST_RISE:
        stays = f"{problem.order} stays between {mean.min():.3g} and {mean.max():.3g}"
        note = f"one phase only: {stays} over [{points[0]:g}, {points[-1]:g}]"
        return Boundary(seeds=seeds, mixed=mixed, notes=(note, *said))
    fitted = _fit(points, mean)
    if fitted is None or not points[0] < fitted[2] < points[-1] or abs(fitted[1]) < SMALLEST_RISE:
        note = f"{problem.order} does not switch inside [{points[0]:g}, {points[-1]:g}]"
        return Boundary(seeds=seeds, mixed=mixed, notes=(note, *said))
    width = RISE_TO_WIDTH * float(np.exp(fitted[3]))
    if width > np.ptp(points):
        note = f"{problem.order} drifts rather than switches: its rise is wider than [{points[0]:g}, {points[-1]:g}]"
        return Boundary(seeds=seeds, mixed=mixed, notes=(note, *said))

    def location(weights: NDArray[np.float64]) -> float:
        again = _fit(points, weighted_mean(values, weights))
        return float(np.clip(again[2], points[0], points[-1])) if again is not None else float("nan")

    bounds = over_seeds(float(fitted[2]), seeds, location)
    notes = said if bounds else (no_interval(seeds), *said)
    low, high = bounds or (None, None)
    return Boundary(float(fitted[2]), low, high, width, seeds, mixed, None, notes)
