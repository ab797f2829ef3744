"""Where the two pure branches have equal loss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.analysis.bootstrap import Spread, over_resamples
from explorer.analysis.boundary.base import (
    Boundary,
    Problem,
    columns_read,
    estimators,
    mixed_range,
    no_interval,
    on_grid,
    weighted_mean,
)
from explorer.analysis.outliers import without_far_off
from explorer.analysis.phases import classify

FEWEST_POINTS = 2
# A branch is fitted on the points nearest to the crossing; farther ones may lie on a branch that bends away.
NEAREST_POINTS = 6
SMALLEST_VARIANCE = 1e-10
METHOD = "equal loss of straight branches; bootstrap over seeds"


@dataclass(frozen=True, slots=True)
class _Branch:
    """Losses of one pure phase, (seed, point)."""

    points: NDArray[np.float64]
    losses: NDArray[np.float64]
    variance: NDArray[np.float64]

    @classmethod
    def of(
        cls, everyone: NDArray[Any], seeds: NDArray[Any], along: NDArray[np.float64], loss: NDArray[np.float64]
    ) -> _Branch:
        """From the rows of one phase, `everyone` the seeds of all phases."""
        values, there, points = on_grid(seeds, along, loss)
        losses = np.full((len(everyone), len(points)), np.nan)
        losses[np.searchsorted(everyone, there)] = values
        counts = np.isfinite(losses).sum(axis=0)
        pooled = _pooled_variance(losses)
        return cls(points, losses, np.maximum(pooled / np.maximum(counts, 1), SMALLEST_VARIANCE))

    def fit(
        self, means: NDArray[np.float64], near: NDArray[np.float64], degree: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Height and slope at `near` of a constant or a line through each resample's means, (resample, point).

        By weighted least squares on the points nearest to `near`; NaN where there are not enough.
        """
        away = np.where(np.isfinite(means), np.abs(self.points - near[:, None]), np.inf)
        chosen = np.argsort(away, axis=1, kind="stable")[:, :NEAREST_POINTS]
        used = np.isfinite(np.take_along_axis(away, chosen, axis=1))
        weight = np.where(used, 1 / self.variance[chosen], 0.0)
        mean = np.where(used, np.take_along_axis(means, chosen, axis=1), 0.0)
        enough = used.sum(axis=1) > degree
        total = np.where(enough, weight.sum(axis=1), np.nan)
        level = (weight * mean).sum(axis=1) / total
        if degree == 0:
            return level, np.where(enough, 0.0, np.nan)
        x = self.points[chosen] - near[:, None]
        centre = (weight * x).sum(axis=1) / total
        x = x - centre[:, None]
        slope = (weight * x * mean).sum(axis=1) / (weight * x * x).sum(axis=1)
        return level - slope * centre, slope

    def distance(self, x: float) -> float:
        """How far x lies outside the branch's points."""
        return float(max(self.points[0] - x, x - self.points[-1], 0.0))


def _pooled_variance(losses: NDArray[np.float64]) -> float:
    """Variance over seeds, pooled over points: one point's own is too noisy with three seeds."""
    counts = np.isfinite(losses).sum(axis=0)
    repeated = losses[:, counts >= 2]
    return float(np.nanvar(repeated, axis=0, ddof=1).mean()) if repeated.size else SMALLEST_VARIANCE


def _meet(
    rotation: _Branch, identity: _Branch, weights: NDArray[np.float64], start: float, degree: int
) -> NDArray[np.float64]:
    """Where a rotation branch of this degree and a straight identity branch are equal, for each row of weights (resample, seed).

    Refitted until it stays; NaN where they do not meet.
    """
    first, second = (weighted_mean(branch.losses, weights) for branch in (rotation, identity))
    x = np.full(len(weights), start)
    moving = np.arange(len(weights))
    for _ in range(20):
        height, slope = rotation.fit(first[moving], x[moving], degree)
        other, other_slope = identity.fit(second[moving], x[moving], 1)
        apart = slope - other_slope
        step = np.divide(other - height, apart, out=np.full(len(moving), np.nan), where=apart != 0)
        x[moving] += step
        moving = moving[np.abs(step) >= 1e-9]
        if not len(moving):
            break
    return np.where(np.isfinite(x), x, np.nan)


@estimators.register("crossing")
def crossing(problem: Problem) -> Boundary:
    """Where the losses of the pure rotation branch and the pure identity branch are equal.

    Minimizers from both starts are classified by the order parameter (see `phases.classify`); mixed ones and tie-broken
    identities are left out, and so are losses far from all others (see `outliers.far_off`). Each branch's seed-mean loss is a
    straight line through the six points nearest to the crossing, weighted by seed variance (the rotation branch a constant where
    it has but two points). The interval is a bootstrap over seeds; where the rotation branch is extrapolated it also covers the
    crossing with that branch continued flat, because the data do not tell between the two. A crossing outside the range that was
    measured is no boundary.
    """
    table, far = without_far_off(problem.table[columns_read(problem)], problem.loss, problem.along)
    problem = replace(problem, table=table)
    phases = classify(table, problem.order, problem.size)
    along, loss = (table[name].to_numpy(dtype=float) for name in (problem.along, problem.loss))
    seed_of = table[problem.seed].to_numpy()
    seeds = np.unique(seed_of)
    mixed = mixed_range(problem, phases)
    notes = (*_left_out(problem, phases), *far)
    branches = {}
    for phase in ("rotation", "identity"):
        rows = (phases.to_numpy() == phase) & np.isfinite(loss)
        found = len(np.unique(along[rows]))
        if found < FEWEST_POINTS:
            note = f"{phase} found at {found} value{'s' * (found != 1)} of {problem.along}; a branch needs at least {FEWEST_POINTS}"
            return Boundary(seeds=len(seeds), mixed=mixed, notes=(note, *notes))
        branches[phase] = _Branch.of(seeds, seed_of[rows], along[rows], loss[rows])
    rotation, identity = branches["rotation"], branches["identity"]
    low, high = float(along.min()), float(along.max())
    start = float(np.clip((rotation.points[-1] + identity.points[0]) / 2, low, high))
    everyone = np.ones((1, len(seeds)))
    straight = 1 if len(rotation.points) > FEWEST_POINTS else 0
    critical = float(_meet(rotation, identity, everyone, start, straight)[0])
    if not np.isfinite(critical) or not low <= critical <= high:
        where = (
            "do not meet"
            if not np.isfinite(critical)
            else f"would meet only beyond {high:g}"
            if critical > high
            else f"would meet only below {low:g}"
        )
        note = f"the rotation and identity branches {where}: no crossing in [{low:g}, {high:g}]"
        return Boundary(seeds=len(seeds), mixed=mixed, notes=(note, *notes))
    bounds = _interval(rotation, identity, critical, len(seeds), straight)
    if bounds is None:
        notes = (no_interval(len(seeds)), *notes)
    beyond = max(rotation.distance(critical), identity.distance(critical))
    if beyond > 0:
        further = "rotation" if rotation.distance(critical) >= identity.distance(critical) else "identity"
        notes = (f"{further} branch extrapolated by {beyond:.3g}", *notes)
    low, high, se = bounds or (None, None, None)
    n = int(sum(np.isfinite(branch.losses).sum() for branch in (rotation, identity)))
    return Boundary(critical, low, high, None, len(seeds), mixed, beyond, tuple(notes), se, METHOD, n)


def _interval(rotation: _Branch, identity: _Branch, critical: float, seeds: int, straight: int) -> Spread | None:
    found: list[Spread] = []
    for degree in {straight, 0} if rotation.distance(critical) > 0 else {straight}:
        estimate = float(_meet(rotation, identity, np.ones((1, seeds)), critical, degree)[0])
        if not np.isfinite(estimate):
            continue
        bounds = over_resamples(estimate, seeds, lambda w, k=degree: _meet(rotation, identity, w, critical, k))
        if bounds is None:
            return None
        found.append(bounds)
    if not found:
        return None
    low, high, se = (np.array(column) for column in zip(*found, strict=True))
    return Spread(min(critical, low.min()), max(critical, high.max()), se.max())


def _left_out(problem: Problem, phases: pd.Series) -> tuple[str, ...]:
    found = problem.table[problem.along].to_numpy(dtype=float)[phases.to_numpy() == "tie-broken identity"]
    return (f"tie-broken identities left out in [{found.min():g}, {found.max():g}]",) if len(found) else ()
