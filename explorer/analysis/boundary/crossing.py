"""Where the two pure branches have equal loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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

FEWEST_POINTS = 2
# A branch is fitted on the points nearest to the crossing; farther ones may lie on a branch that bends away.
NEAREST_POINTS = 6
SMALLEST_VARIANCE = 1e-10


@dataclass(frozen=True, slots=True)
class _Branch:
    """Losses of one pure phase, (seed, point)."""

    points: NDArray[np.float64]
    losses: NDArray[np.float64]
    variance: NDArray[np.float64]

    @classmethod
    def of(cls, table: pd.DataFrame, problem: Problem, seeds: NDArray[np.float64]) -> _Branch:
        values, points = by_seed(table, problem, problem.loss)
        present = np.sort(table[problem.seed].unique())
        losses = np.full((len(seeds), len(points)), np.nan)
        losses[np.searchsorted(seeds, present)] = values
        counts = np.isfinite(losses).sum(axis=0)
        pooled = _pooled_variance(losses)
        return cls(points, losses, np.maximum(pooled / np.maximum(counts, 1), SMALLEST_VARIANCE))

    def fit(self, weights: NDArray[np.float64], near: float, degree: int) -> NDArray[np.float64] | None:
        """Polynomial coefficients about `near`, constant first, by weighted least squares on the nearest points."""
        mean = weighted_mean(self.losses, weights)
        chosen = np.flatnonzero(np.isfinite(mean))
        chosen = chosen[np.argsort(np.abs(self.points[chosen] - near), kind="stable")[:NEAREST_POINTS]]
        if len(chosen) < degree + 1:
            return None
        scale = 1 / np.sqrt(self.variance[chosen])
        design = np.vander(self.points[chosen] - near, degree + 1, increasing=True)
        return np.asarray(
            np.linalg.lstsq(design * scale[:, None], mean[chosen] * scale, rcond=None)[0], dtype=np.float64
        )

    def distance(self, x: float) -> float:
        """How far x lies outside the branch's points."""
        return float(max(self.points[0] - x, x - self.points[-1], 0.0))


def _pooled_variance(losses: NDArray[np.float64]) -> float:
    """Variance over seeds, pooled over points: one point's own is too noisy with three seeds."""
    counts = np.isfinite(losses).sum(axis=0)
    repeated = losses[:, counts >= 2]
    return float(np.nanvar(repeated, axis=0, ddof=1).mean()) if repeated.size else SMALLEST_VARIANCE


def _meet(rotation: _Branch, identity: _Branch, weights: NDArray[np.float64], start: float, degree: int) -> float:
    """Where a rotation branch of this degree and a straight identity branch are equal; refitted until it stays."""
    x = start
    for _ in range(20):
        first, second = rotation.fit(weights, x, degree), identity.fit(weights, x, 1)
        if first is None or second is None:
            return float("nan")
        gap = np.zeros(2)
        gap[: len(first)] += first
        gap[: len(second)] -= second
        if gap[1] == 0:
            return float("nan")
        step = -gap[0] / gap[1]
        x += float(step)
        if abs(step) < 1e-9 or not np.isfinite(x):
            break
    return x if np.isfinite(x) else float("nan")


@estimators.register("crossing")
def crossing(problem: Problem) -> Boundary:
    """Where the losses of the pure rotation branch and the pure identity branch are equal.

    Minimizers from both starts are classified by the order parameter (see `phases.classify`); mixed ones and tie-broken
    identities are left out. Each branch's seed-mean loss is a straight line through the six points nearest to the crossing,
    weighted by seed variance (the rotation branch a constant where it has but two points). The interval is a bootstrap over
    seeds; where the rotation branch is extrapolated it also covers the crossing with that branch continued flat, because
    the data do not tell between the two. A crossing outside the range that was measured is no boundary.
    """
    table = problem.table
    phases = classify(table, problem.order, problem.size)
    seeds = np.sort(table[problem.seed].unique())
    mixed = mixed_range(problem, phases)
    notes = _left_out(problem, phases)
    branches = {}
    for phase in ("rotation", "identity"):
        rows = table[(phases == phase) & table[problem.loss].notna()]
        found = rows[problem.along].nunique()
        if found < FEWEST_POINTS:
            note = f"{phase} found at {found} value{'s' * (found != 1)} of {problem.along}; a branch needs at least {FEWEST_POINTS}"
            return Boundary(seeds=len(seeds), mixed=mixed, notes=(note, *notes))
        branches[phase] = _Branch.of(rows, problem, seeds)
    rotation, identity = branches["rotation"], branches["identity"]
    low, high = float(table[problem.along].min()), float(table[problem.along].max())
    start = float(np.clip((rotation.points[-1] + identity.points[0]) / 2, low, high))
    everyone = np.ones(len(seeds))
    straight = 1 if len(rotation.points) > FEWEST_POINTS else 0
    critical = _meet(rotation, identity, everyone, start, straight)
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
    return Boundary(critical, *(bounds or (None, None)), None, len(seeds), mixed, beyond, tuple(notes))


def _interval(
    rotation: _Branch, identity: _Branch, critical: float, seeds: int, straight: int
) -> tuple[float, float] | None:
    found: list[float] = []
    for degree in {straight, 0} if rotation.distance(critical) > 0 else {straight}:
        estimate = _meet(rotation, identity, np.ones(seeds), critical, degree)
        if not np.isfinite(estimate):
            continue
        bounds = over_seeds(estimate, seeds, lambda w, k=degree: _meet(rotation, identity, w, critical, k))
        if bounds is None:
            return None
        found += bounds
    return (min(critical, *found), max(critical, *found)) if found else None


def _left_out(problem: Problem, phases: pd.Series) -> tuple[str, ...]:
    found = problem.table.loc[phases == "tie-broken identity", problem.along]
    return (f"tie-broken identities left out in [{found.min():g}, {found.max():g}]",) if len(found) else ()
