"""Where two starts disagree, and whether the transition between the phases is of first order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.analysis.bimodality import Bimodality, bimodality
from explorer.analysis.bootstrap import Spread, over_resamples
from explorer.analysis.boundary.base import (
    Boundary,
    Problem,
    columns_read,
    estimators,
    no_interval,
    on_grid,
    weighted_mean,
)
from explorer.analysis.boundary.crossing import crossing
from explorer.analysis.boundary.logistic import SMALLEST_RISE, locations
from explorer.analysis.boundary.switch import bridged, switch
from explorer.analysis.outliers import without_far_off

Array = NDArray[np.float64]
STARTS = ("random", "identity")
# A jump of half the rise or more: the starts lie on separate branches, not at two places of one gradual rise.
JUMP_OF_RISE = 0.5
# A rise over fewer steps of the grid than this could as well be a jump.
STEPS_OF_RISE = 2.0
SMALLEST_DEVIATION = 0.01
NORMAL = 1.959964
EQUAL_LOSS = "equal loss of the branches; spinodals: "
MIDDLE = "middle of the spinodals: "
METHOD = "logistic in each start's seed mean; bootstrap over seeds"


@dataclass(frozen=True, slots=True)
class _Branch:
    """Order parameter of one start, (seed, point), over the seeds of both, and where it switches."""

    start: str
    points: Array
    values: Array
    spinodal: Boundary

    @property
    def mean(self) -> Array:
        return weighted_mean(self.values, np.ones(len(self.values)))

    @property
    def stays(self) -> bool:
        """Whether it keeps its phase over all points."""
        return bool(np.ptp(self.mean) < SMALLEST_RISE)

    def where(self, weights: Array) -> Array:
        """The spinodal in each resample, weights (resample, seed)."""
        found = locations(self.points, weighted_mean(self.values, weights))
        return np.clip(found, self.points[0], self.points[-1])

    def height(self, x: float, weights: Array) -> Array:
        """The seed mean at x in each resample, linear between the points; NaN where no point has a value."""
        means = np.atleast_2d(weighted_mean(self.values, weights))
        found = np.full(len(means), np.nan)
        for row, mean in enumerate(means):
            there = np.isfinite(mean)
            if there.any():
                found[row] = np.interp(x, self.points[there], mean[there])
        return found

    def modes(self, rise: float) -> Bimodality | None:
        """Whether the seeds lie about two values at the point nearest to the spinodal."""
        if self.spinodal.critical is None:
            return None
        nearest = int(np.argmin(np.abs(self.points - self.spinodal.critical)))
        return bimodality(self.values[:, nearest], SMALLEST_DEVIATION * rise)

    def steepest(self) -> float:
        """The largest change of the order parameter between neighbouring points, median over seeds."""
        if len(self.points) < 2:
            return 0.0
        changes = np.abs(np.diff(self.values, axis=1))
        told = changes[np.isfinite(changes).any(axis=1)]
        return float(np.median(np.nanmax(told, axis=1))) if len(told) else 0.0

    def step(self, x: float) -> float:
        """The largest distance between neighbouring points about x."""
        after = int(np.clip(np.searchsorted(self.points, x), 1, len(self.points) - 1))
        return float(self.points[after] - self.points[after - 1])


@dataclass(frozen=True, slots=True)
class _Loop:
    """Two branches, `upper` the one with the larger order parameter, at one size."""

    lower: _Branch
    upper: _Branch
    equal_loss: Boundary | None
    seeds: int
    n: int
    far: tuple[str, ...] = ()
    size: float | None = None
    quantities: dict[str, float | str | None] = field(default_factory=dict)
    critical: float | None = None
    bounds: Spread | None = None
    verdict: str = "undecided"
    reason: str = ""


@estimators.register("hysteresis")
def hysteresis(problem: Problem) -> Boundary | Sequence[Boundary]:
    """Both spinodals, the crossing between them, the width of coexistence, and the order of the transition.

    From two starts (`random` and `identity` where they are among the values of the column `start`, else the two that there are).
    A start's spinodal x_s is where its branch ends: the location of the logistic that `switch` fits. With the order parameter
    rising, the width of coexistence is W = x_lower − x_upper, where `upper` is the start with the larger mean order parameter
    (falling: −W). A start that keeps its phase over all points has its spinodal beyond them, and W is then `at least` the
    distance to the end of the points. The jump is the difference of the seed means of the two starts half-way between the
    spinodals. Intervals are 95 % bootstraps over whole seeds, both starts of a seed together.

    `critical` is the crossing of the losses where `crossing` finds one, else the middle of the spinodals; `method` says which.
    The verdict is in the column `verdict`:

    - `first-order`: the interval of W lies above 0 and W above the step of the grid; the interval of the jump lies above 0, and the
      jump is at least half of the rise; with several sizes it does not shrink towards 0.
    - `continuous`: W is below the width of the rise, at both ends of its interval; the rise takes two steps of the grid or more, and
      no step of a typical seed (`steepest`, the median over seeds of the largest, as a share of the rise) is half of it; the upper end
      of the jump's interval is below half of the rise; the seeds are not bimodal.
    - `none`: neither start leaves its phase and both have the same one. `undecided`: the rest; the note says what is lacking.

    With several sizes there is a row for each, and the jump J(d) = J_∞ + a/d is fitted by weighted least squares: a first-order
    transition keeps J_∞ > 0 (Binder, Rep. Prog. Phys. 50, 783 (1987), section 2.3). `bimodality` is BIC_1 − BIC_2 across seeds at the
    spinodals (see `explorer.analysis.bimodality`), missing for fewer than six seeds.
    """
    table = problem.table[columns_read(problem)]
    if problem.start not in table.columns:
        return Boundary(notes=(f'hysteresis takes two starts; found no column "{problem.start}"',))
    found = sorted(map(str, table[problem.start].dropna().unique()))
    pair = STARTS if set(STARTS) <= set(found) else tuple(found)
    if len(pair) != 2:
        seeds = int(table[problem.seed].nunique()) if len(table) else 0
        named = f"{len(pair)}: {', '.join(pair)}" if pair else "none"
        return Boundary(seeds=seeds, notes=(f"hysteresis takes two starts; found {named}",))
    others = [start for start in found if start not in pair]
    left = (f"starts left out: {', '.join(others)}",) if others else ()
    table = table[table[problem.start].astype(str).isin(pair)]
    several = problem.size in table.columns and table[problem.size].nunique() > 1
    groups = list(table.groupby(problem.size)) if several else [(None, table)]
    loops: list[_Loop | Boundary] = []
    for _, group in groups:
        at = {problem.size: float(group[problem.size].iloc[0])} if several else {}
        loop = _loop(replace(problem, table=group), pair)
        if isinstance(loop, str):
            loops.append(Boundary(seeds=int(group[problem.seed].nunique()), notes=(loop, *left), at=at))
        else:
            loops.append(_judged(replace(loop, size=at.get(problem.size)), problem))
    trend = _trend([loop for loop in loops if isinstance(loop, _Loop)])
    answers = [_answer(loop, trend, problem, left) if isinstance(loop, _Loop) else loop for loop in loops]
    return answers if several else answers[0]


def _loop(problem: Problem, pair: Sequence[str]) -> _Loop | str:
    """The two branches, or why there are none."""
    table = problem.table
    everyone = np.unique(table[problem.seed].to_numpy())
    branches: list[_Branch] = []
    n = 0
    far: tuple[str, ...] = ()
    for start in pair:
        rows, left_out = without_far_off(table[table[problem.start].astype(str) == start], problem.order, problem.along)
        along, order = (rows[name].to_numpy(dtype=float) for name in (problem.along, problem.order))
        found, there, points = on_grid(rows[problem.seed].to_numpy(), along, order)
        if not len(points):
            return f"no {problem.order} from {start} starts"
        values = np.full((len(everyone), len(points)), np.nan)
        values[np.searchsorted(everyone, there)] = bridged(found, points)
        n += int(np.isfinite(found).sum())
        far += left_out
        spinodal = _one(switch(replace(problem, table=rows.drop(columns=problem.start))))
        branches.append(_Branch(start, points, values, spinodal))
    first, second = branches
    if max(first.points[0], second.points[0]) >= min(first.points[-1], second.points[-1]):
        return f"the points of {pair[0]} and {pair[1]} starts overlap at one value of {problem.along} or none"
    lower, upper = sorted(branches, key=lambda branch: _mean_over(branch, first, second))
    losses = problem.loss in table.columns and pd.api.types.is_numeric_dtype(table[problem.loss])
    return _Loop(lower, upper, _one(crossing(problem)) if losses else None, len(everyone), n, far)


def _one(found: Boundary | Sequence[Boundary]) -> Boundary:
    return found if isinstance(found, Boundary) else found[0]


def _mean_over(branch: _Branch, first: _Branch, second: _Branch) -> float:
    """Mean of a branch over the points of both."""
    points = np.union1d(first.points, second.points)
    inside = points[
        (points >= max(first.points[0], second.points[0])) & (points <= min(first.points[-1], second.points[-1]))
    ]
    return float(np.interp(inside, branch.points, branch.mean).mean())


def _judged(loop: _Loop, problem: Problem) -> _Loop:
    """With its width of coexistence, its jump and the verdict at this size."""
    lower, upper, everyone = loop.lower, loop.upper, np.ones((1, loop.seeds))
    ends = max(lower.points[0], upper.points[0]), min(lower.points[-1], upper.points[-1])
    everything = np.concatenate([lower.mean, upper.mean])
    rise = float(np.ptp(everything))
    rising = _direction(lower) + _direction(upper) >= 0
    away = ends[0] if rising else ends[1]  # where the upper branch is metastable, and the lower phase stable
    home = ends[1] if rising else ends[0]

    def end(branch: _Branch, weights: Array) -> Array:
        if branch.spinodal.critical is not None:
            return branch.where(weights)
        return np.full(len(weights), away if branch is upper else home)

    known = [branch.spinodal.critical is not None for branch in (lower, upper)]
    quantities: dict[str, float | str | None] = {}
    for branch in (lower, upper):
        quantities |= {f"spinodal_{branch.start}": branch.spinodal.critical}
        quantities |= {
            f"spinodal_{branch.start}_low": branch.spinodal.low,
            f"spinodal_{branch.start}_high": branch.spinodal.high,
        }
    told = all(there or branch.stays for there, branch in zip(known, (lower, upper), strict=True))
    if not told or rise < SMALLEST_RISE:
        named = [
            b
            for b, there in zip((lower, upper), known, strict=True)
            if not there and (rise < SMALLEST_RISE or not b.stays)
        ]
        why = "; ".join(f"{b.start} starts: {b.spinodal.notes[0]}" for b in named)
        verdict = "none" if rise < SMALLEST_RISE else "undecided"
        return replace(_placed(loop, problem, None, None), quantities=quantities, verdict=verdict, reason=why)

    sign = 1.0 if rising else -1.0
    located = {
        b.start: float(b.spinodal.critical) if b.spinodal.critical is not None else float(end(b, everyone)[0])
        for b in (lower, upper)
    }
    width = sign * (located[lower.start] - located[upper.start])
    apart = over_resamples(width, loop.seeds, lambda w: sign * (end(lower, w) - end(upper, w)))
    middle = (located[lower.start] + located[upper.start]) / 2
    both = over_resamples(middle, loop.seeds, lambda w: (end(lower, w) + end(upper, w)) / 2) if all(known) else None
    loop = _placed(loop, problem, middle if all(known) else None, both)
    jump = float((upper.height(middle, everyone) - lower.height(middle, everyone))[0])
    jumps = over_resamples(jump, loop.seeds, lambda w: upper.height(middle, w) - lower.height(middle, w))
    modes = [found for branch in (lower, upper) if (found := branch.modes(rise))]
    steepest = (
        max(branch.steepest() for branch in (lower, upper) if branch.spinodal.critical is not None or not any(known))
        / rise
    )
    quantities |= {
        "coexistence": width,
        "coexistence_low": apart.low if apart else None,
        "coexistence_high": apart.high if apart and all(known) else None,
        "coexistence_is": "measured" if all(known) else "at least",
        "jump": jump,
        "jump_low": jumps.low if jumps else None,
        "jump_high": jumps.high if jumps else None,
        "jump_se": jumps.se if jumps else None,
        "steepest": steepest,
        "bimodality": max((found.evidence for found in modes), default=None),
    }
    step = max(branch.step(located[branch.start]) for branch in (lower, upper))
    own = [branch.spinodal.width for branch in (lower, upper) if branch.spinodal.width is not None]
    verdict, reason = _verdict(
        width, apart, all(known), jump, jumps, rise, step, min(own, default=0.0), steepest, modes
    )
    return replace(loop, quantities=quantities, verdict=verdict, reason=reason)


def _direction(branch: _Branch) -> float:
    """How far the order parameter rises from the first point to the last."""
    return 0.0 if branch.stays else float(branch.mean[-1] - branch.mean[0])


def _placed(loop: _Loop, problem: Problem, middle: float | None, both: Spread | None) -> _Loop:
    """With its critical value: the crossing of the losses where it is known, else the middle."""
    met = loop.equal_loss
    if met is None or met.critical is None:
        return replace(loop, critical=middle, bounds=both)
    known = met.low is not None and met.high is not None and met.se is not None
    return replace(loop, critical=met.critical, bounds=Spread(met.low, met.high, met.se) if known else None)  # type: ignore[arg-type]


def _verdict(
    width: float,
    apart: Spread | None,
    measured: bool,
    jump: float,
    jumps: Spread | None,
    rise: float,
    step: float,
    own: float,
    steepest: float,
    modes: Sequence[Bimodality],
) -> tuple[str, str]:
    """First-order, continuous or undecided, with the evidence in words; `own` is the narrower rise of the two starts."""
    if apart is None or jumps is None:
        return "undecided", f"starts disagree over {width:.3g} and the jump is {jump:.3g}, both without an interval"
    least = "" if measured else "at least "
    over = f"starts disagree over {least}{width:.3g} [{apart.low:.3g}, {apart.high:.3g}], the step is {step:.3g}"
    if not measured:
        over = f"starts disagree over at least {width:.3g} (from {apart.low:.3g} on), the step is {step:.3g}"
    by = f"the jump is {jump:.3g} [{jumps.low:.3g}, {jumps.high:.3g}] of a rise of {rise:.3g}"
    two = any(found.two for found in modes)
    seeds = (
        "too few seeds to tell whether they are bimodal" if not modes else f"seeds are {'' if two else 'not '}bimodal"
    )
    said = f"{over}; {by}; {seeds}"
    if apart.low > 0 and width > step and jumps.low > 0 and jump >= JUMP_OF_RISE * rise:
        return "first-order", said
    equal = max(abs(apart.low), abs(apart.high)) < own
    gradual = own >= STEPS_OF_RISE * step and steepest < JUMP_OF_RISE
    if measured and equal and gradual and jumps.high < JUMP_OF_RISE * rise and not two:
        return "continuous", f"{said}; the rise takes {own:.3g}"
    steep = (
        f"; the rise, {steepest:.2g} of it in one step of a typical seed, is too steep for the grid to tell from a jump"
    )
    lacks = steep if measured and not gradual else ""
    return "undecided", f"{said}{lacks}"


def _trend(loops: Sequence[_Loop]) -> tuple[float, float, float, float] | None:
    """J_∞ and a of J(d) = J_∞ + a/d with their standard errors, in the order J_∞, s.e., a, s.e.; None for fewer than two sizes."""
    used = [
        (1 / loop.size, loop.quantities["jump"], loop.quantities["jump_se"])
        for loop in loops
        if loop.size and "jump" in loop.quantities
    ]
    rows = np.array([row for row in used if row[2] is not None], dtype=float).reshape(-1, 3)
    if len(rows) < 2:
        return None
    inverse, jump, se = rows.T
    weight = 1 / np.maximum(se, 1e-3) ** 2
    design = np.stack([np.ones_like(inverse), inverse], axis=1)
    covariance = np.linalg.inv(design.T @ (weight[:, None] * design))
    limit, slope = covariance @ design.T @ (weight * jump)
    return float(limit), float(covariance[0, 0] ** 0.5), float(slope), float(covariance[1, 1] ** 0.5)


def _answer(
    loop: _Loop, trend: tuple[float, float, float, float] | None, problem: Problem, left: tuple[str, ...]
) -> Boundary:
    verdict, reason, quantities = loop.verdict, loop.reason, dict(loop.quantities)
    if trend is not None:
        limit, limit_se, slope, slope_se = trend
        quantities |= {"jump_limit": limit, "jump_limit_se": limit_se, "jump_slope": slope, "jump_slope_se": slope_se}
        reason = f"{reason}; the jump goes to {limit:.3g} (s.e. {limit_se:.2g}) as {problem.size} grows"
        if verdict == "first-order" and limit < NORMAL * limit_se and slope > NORMAL * slope_se:
            verdict = "undecided"
    quantities.pop("jump_se", None)
    met = loop.equal_loss is not None and loop.equal_loss.critical is not None
    quantities = {"verdict": verdict, **quantities, "crossing": loop.critical if met else None}
    notes = [f"{verdict}: {reason}" if verdict != "none" else f"no transition: {reason}"]
    for branch in (loop.lower, loop.upper):
        if branch.spinodal.critical is None and verdict not in ("none",) and branch.stays:
            notes.append(
                f"{branch.start} starts keep their phase: their spinodal lies beyond [{branch.points[0]:g}, {branch.points[-1]:g}]"
            )
    if loop.critical is None and verdict != "none":
        notes.append("no crossing of the losses and no two spinodals, so no critical value")
    if loop.critical is not None and loop.bounds is None:
        notes.append(no_interval(loop.seeds))
    low, high, se = loop.bounds or (None, None, None)
    return Boundary(
        critical=loop.critical,
        low=low,
        high=high,
        seeds=loop.seeds,
        mixed=loop.lower.spinodal.mixed if loop.equal_loss is None else loop.equal_loss.mixed,
        notes=(*notes, *loop.far, *left),
        se=se,
        method=(EQUAL_LOSS if met else MIDDLE) + METHOD,
        n=loop.n,
        at={} if loop.size is None else {problem.size: loop.size},
        quantities=quantities,
    )
