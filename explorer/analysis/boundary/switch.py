"""Where training from a random start changes branch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from explorer.analysis.bootstrap import interval, resamples
from explorer.analysis.boundary.base import (
    Boundary,
    Problem,
    by_seed,
    columns_read,
    estimators,
    mixed_range,
    no_interval,
    together,
    weighted_mean,
)
from explorer.analysis.boundary.logistic import FEWEST_POINTS, SMALLEST_RISE, fit, locations_of
from explorer.analysis.outliers import without_far_off
from explorer.analysis.phases import classify

RISE_TO_WIDTH = 4.0
# Neighbouring cells that a seed may lack: a longer gap may hide the switch itself.
LONGEST_GAP = 2
# Enough that a step of the fit costs what its numbers cost, few enough that they stay near the core.
GROUPS_AT_ONCE = 16
METHOD = "logistic in the seed mean; bootstrap over seeds"


@dataclass(frozen=True, slots=True)
class _Located:
    """A switch without its interval, and the values (seed, point) that it was fitted to."""

    boundary: Boundary
    critical: float
    points: NDArray[np.float64]
    values: NDArray[np.float64]

    def spread(self, locations: NDArray[np.float64]) -> Boundary:
        """The switch with the interval that its locations in all resamples of the seeds give."""
        seeds = len(self.values)
        inside = np.clip(locations, self.points[0], self.points[-1])
        bounds = interval(self.critical, inside, resamples(seeds)[1], seeds)
        if bounds is None:
            return replace(self.boundary, notes=(no_interval(seeds), *self.boundary.notes))
        return replace(self.boundary, low=bounds.low, high=bounds.high, se=bounds.se)


def _located(problem: Problem) -> Boundary | _Located:
    """Where the switch is, or why there is none."""
    table = problem.table[columns_read(problem)]
    said: tuple[str, ...] = ()
    if problem.start in table.columns and "random" in table[problem.start].unique():
        table = table[table[problem.start] == "random"]
    elif problem.start in table.columns and len(table):
        starts = ", ".join(map(str, table[problem.start].unique()))
        said = (f'no start is called "random": used {starts}',)
    table, far = without_far_off(table, problem.order, problem.along)
    said += far
    cells, points = by_seed(table, problem, problem.order) if len(table) else (np.empty((0, 0)), np.empty(0))
    values = bridged(cells, points)
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
    fitted = fit(points, mean)
    if fitted is None or not points[0] < fitted[2] < points[-1] or abs(fitted[1]) < SMALLEST_RISE:
        note = f"{problem.order} does not switch inside [{points[0]:g}, {points[-1]:g}]"
        return Boundary(seeds=seeds, mixed=mixed, notes=(note, *said))
    width = RISE_TO_WIDTH * float(np.exp(fitted[3]))
    if width > np.ptp(points):
        note = f"{problem.order} drifts rather than switches: its rise is wider than [{points[0]:g}, {points[-1]:g}]"
        return Boundary(seeds=seeds, mixed=mixed, notes=(note, *said))

    n = int(np.isfinite(cells).sum())
    found = Boundary(float(fitted[2]), None, None, width, seeds, mixed, None, said, None, METHOD, n)
    return _Located(found, float(fitted[2]), points, values)


def _together(problems: Sequence[Problem]) -> list[Boundary]:
    """The switches of several groups, a portion at a time, to the same bits as one by one."""
    answers: list[Boundary] = []
    for begin in range(0, len(problems), GROUPS_AT_ONCE):
        begun = [_located(problem) for problem in problems[begin : begin + GROUPS_AT_ONCE]]
        curves = [
            (one.points, weighted_mean(one.values, resamples(len(one.values))[0]))
            for one in begun
            if isinstance(one, _Located)
        ]
        found = iter(locations_of(curves))
        answers += [one if isinstance(one, Boundary) else one.spread(next(found)) for one in begun]
    return answers


@estimators.register("switch")
def switch(problem: Problem) -> Boundary:
    """Location and width of a logistic in the control axis, fitted to the seed mean of the order parameter.

    y(x) = low + rise / (1 + exp(−(x − x_c)/s)) along random starts; `critical` is x_c, `width` 4 s. The interval is a
    bootstrap over seeds. Up to two neighbouring cells that a seed lacks are bridged by a straight line between that seed's own
    cells beside them, so that the mean is over the same seeds at every point; values far from all others (see
    `outliers.far_off`) are left out. It depends on learning rate, surrogate width, dimension and time: where gradient descent changes
    branch is not where the branches have equal loss.
    """
    return _together([problem])[0]


together(switch, _together)


def bridged(values: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (seed, point) with up to two neighbouring missing ones replaced by a straight line between the seed's own.

    The mean of different seeds at different points scatters by what sets the seeds apart, which a bootstrap over seeds does not see
    in full.
    """
    found = values.copy()
    for row in found:
        there = np.flatnonzero(np.isfinite(row))
        steps = np.diff(there)
        for before, step in zip(there[:-1][steps > 1], steps[steps > 1], strict=True):
            if step <= LONGEST_GAP + 1:
                ends = [before, before + step]
                row[before + 1 : before + step] = np.interp(points[before + 1 : before + step], points[ends], row[ends])
    return found
