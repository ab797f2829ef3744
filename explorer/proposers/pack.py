"""Packs: points chosen one after another, each as if the earlier ones had been trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from explorer.analysis.gaussian_process import Field
from explorer.proposers.base import Ask
from explorer.proposers.lattice import MOST_CANDIDATES, Places
from explorer.proposers.survey import Survey

# Candidates drawn where the phase is undecided, beside the coarse lattice.
DRAWN = 2048
# At most this share of a pack is more seeds, while there are points left.
MOST_REPEATED = 0.5
# No two new points of a pack are nearer than this share of the field's length scale.
APART = 0.1

Array = NDArray[np.float64]
Rows = tuple[Array, NDArray[np.int64]]
# How much a point is wanted, from the mean less the threshold, the field's standard deviation before the pack and now, and the
# steepest slope near by, (candidate,) each.
Score = Callable[[Array, Array, Array, Array], Array]


@dataclass(slots=True)
class Believed:
    """The field's posterior at candidates, whose variance shrinks as outcomes are believed; the mean stays."""

    posterior: Field
    box: Array
    mean: Array
    variance: Array
    _white: Array
    _seen: list[Array] = field(default_factory=list)

    @classmethod
    def at(cls, posterior: Field, box: Array, mean: Array, variance: Array) -> Believed:
        return cls(posterior, box, mean, variance, posterior.whitened(box))

    def believe(self, place: int, noise: float) -> None:
        """An outcome at one of the candidates, whose mean has this variance: a rank-one update of the covariance."""
        white = self._white[:, place]
        column = self.posterior.kernel(self.box, self.box[[place]])[:, 0] - self._white.T @ white
        for seen in self._seen:
            column = column - seen * seen[place]
        scale = self.posterior.scale
        update = column / math.sqrt(max(column[place], 0.0) + noise / scale**2 + 1e-12)
        self._seen.append(update)
        self.variance = np.maximum(self.variance - scale**2 * update**2, 0.0)


def fill(survey: Survey, count: int, generator: np.random.Generator) -> Places:
    """Up to `count` new places of the coarse lattice, each the farthest from all points and from those before it.

    Ties fall at random. A greedy cover is within a factor of two of the best (Gonzalez, Theor. Comput. Sci. 38, 1985), and on a
    lattice, from nothing, it is a sequence of nested grids: no place is farther than 0.061 from the first 145 points of a plane
    box, and 0.104 from Sobol's.
    """
    lattice = survey.lattice
    places = lattice.everywhere()
    box, keys = lattice.box(places), lattice.keys(places)
    free = ~np.isin(keys, survey.taken())
    gap = np.where(np.isfinite(survey.gap), survey.gap, 10.0 + np.abs(box - 0.5).sum(axis=1))
    chosen: list[int] = []
    ties = 1e-9 * generator.random(len(places))
    for _ in range(count):
        if not free.any():
            break
        best = int(np.argmax(np.where(free, gap + ties, -np.inf)))
        chosen.append(best)
        free[best] = False
        gap = np.minimum(gap, np.linalg.norm(box - box[best], axis=1))
    return places[chosen]


def candidates(survey: Survey, generator: np.random.Generator) -> Places:
    """Places that may be chosen, neither taken nor blocked: all of them, or the coarse lattice and more where it is undecided."""
    lattice = survey.lattice
    if lattice.size <= MOST_CANDIDATES:
        places = lattice.all()
    else:
        places = lattice.everywhere()
        z = np.abs(survey.mean - (survey.threshold or 0.0)) / np.maximum(survey.sd, 1e-300)
        undecided = np.flatnonzero(z < 3)
        if len(undecided):
            spacing = np.array([1 / max(len(at) - 1, 1) for at in lattice.coarse()])
            around = lattice.box(places[generator.choice(undecided, DRAWN)])
            drawn = around + spacing * (generator.random(around.shape) - 0.5)
            places = np.concatenate([places, lattice.nearest(np.clip(drawn, 0, 1))])
        _, first = np.unique(lattice.keys(places), return_index=True)
        places = places[first]
    return places[~np.isin(lattice.keys(places), survey.taken())]


def pack(survey: Survey, ask: Ask, score: Score, explore: float, drawn: bool) -> Rows:
    """Rows to train: more seeds where noise dominates, a share `explore` of places that fill space, and places of the highest score.

    With `drawn`, scores are logarithms of weights with which places are drawn without replacement.
    """
    generator = np.random.default_rng([ask.seed, len(survey.data.points), int(survey.data.counts.sum())])
    rows_left = ask.count
    per_point = max(1, min(ask.seeds_per_point, ask.most_seeds))
    if survey.field is None or survey.threshold is None:
        if survey.covered:
            return survey.nothing()
        places = fill(survey, math.ceil(rows_left / per_point), generator)
        return _rows(survey, ask, [], places, per_point)
    repeated, share = _noisy(survey, ask, per_point)
    free = candidates(survey, generator)
    luck = generator.gumbel(size=len(free)) if drawn else np.zeros(len(free))
    whole = rows_left // per_point
    extra = min(len(repeated), round(MOST_REPEATED * share * whole))
    if not len(free):
        extra = min(len(repeated), math.ceil(rows_left / per_point))
    more = [int(i) for i in repeated[:extra]]
    wanted = math.ceil((rows_left - per_point * extra) / per_point) if rows_left > per_point * extra else 0
    filling = 0 if survey.covered else math.ceil(explore * wanted)
    filled = fill(survey, filling, generator)
    unfilled = ~np.isin(survey.lattice.keys(free), survey.lattice.keys(filled))
    free, luck = free[unfilled], luck[unfilled]
    places = np.concatenate([filled, _best(survey, free, filled, wanted - len(filled), score, luck, more)])
    rows = _rows(survey, ask, more, places, per_point)
    short = ask.count - len(rows[1])
    if short > 0 and len(repeated) > extra:
        more = [int(i) for i in repeated[: extra + math.ceil(short / per_point)]]
        rows = _rows(survey, ask, more, places, per_point)
    return rows


def _best(
    survey: Survey, free: Places, filled: Places, count: int, score: Score, luck: Array, more: list[int]
) -> Places:
    """The free places of highest score, one after another, as if those before, pending and filling ones had been trained."""
    lattice, posterior = survey.lattice, survey.field
    assert posterior is not None
    assert survey.threshold is not None
    if count <= 0 or not len(free):
        return free[:0]
    box = lattice.box(free)
    believed_points = [survey.blocked, lattice.points(filled), survey.data.points[more]]
    points = np.concatenate([lattice.points(free), *believed_points])
    mean, sd = posterior.predict(points)
    believed = Believed.at(posterior, posterior.box(points), mean, sd**2)
    noise = _noise_near(survey, points)
    for i in range(len(free), len(points)):
        believed.believe(i, noise[i])
    allowed = np.ones(len(free), dtype=bool)
    apart = APART * posterior.lengths
    slope = survey.slope[_coarse_index(survey, free)]
    chosen: list[int] = []
    before = sd[: len(free)]
    for _ in range(count):
        if not allowed.any():
            break
        now = np.sqrt(believed.variance[: len(free)])
        wanted = score(mean[: len(free)] - survey.threshold, before, now, slope) + luck
        best = int(np.argmax(np.where(allowed, wanted, -np.inf)))
        if not np.isfinite(wanted[best]):
            break
        chosen.append(best)
        believed.believe(best, noise[best])
        near = (((box - box[best]) / apart) ** 2).sum(axis=1) < 1
        allowed &= ~near
    return free[chosen]


def _coarse_index(survey: Survey, places: Places) -> NDArray[np.int64]:
    """The coarse place nearest to each place."""
    columns = [
        np.rint(places[:, axis] * (len(at) - 1) / max(at[-1], 1)).astype(np.int64)
        for axis, at in enumerate(survey.lattice.coarse())
    ]
    return np.asarray(np.ravel_multi_index(columns, [len(at) for at in survey.lattice.coarse()]))


def _noise_near(survey: Survey, points: Array) -> Array:
    """The variance that a new mean would have, taken from the nearest point with values."""
    variances = np.where(np.isfinite(survey.data.variances), survey.data.variances, 0.0)
    if survey.field is not None and not np.isfinite(survey.data.variances).all():
        variances = variances + survey.field.scale**2 * float(survey.field.noise.mean())
    _, nearest = KDTree(survey.lattice.unit(survey.data.points)).query(survey.lattice.unit(points))
    return variances[nearest]


def _noisy(survey: Survey, ask: Ask, per_point: int) -> tuple[NDArray[np.int64], float]:
    """Undecided points where the error of the mean is above what the field knows without it, most wanted first, and their share.

    Where other points tell the field at a point better than its own seeds do, more points in between say little that is new.
    """
    data, posterior, threshold = survey.data, survey.field, survey.threshold
    assert posterior is not None
    assert threshold is not None
    mean, sd = posterior.predict(data.points)
    undecided = np.abs(mean - threshold) < 1.96 * sd
    inside = (np.abs(survey.lattice.unit(data.points) - 0.5) <= 0.5 + 1e-9).all(axis=1)
    open_points = undecided & inside & (data.next_seed < ask.most_seeds)
    for point in survey.blocked[len(survey.pending) :]:
        open_points &= ~(data.points == point).all(axis=1)
    if not open_points.any():
        return np.empty(0, dtype=np.int64), 0.0
    variances = _noise_near(survey, data.points)
    without = posterior.variance_without() if len(posterior.points) == len(data.points) else sd**2
    noisy = open_points & (variances > without)
    gain = variances * np.exp(-0.5 * ((mean - threshold) / np.maximum(sd, 1e-300)) ** 2)
    order = np.argsort(-np.where(noisy, 1e6, 1.0) * np.where(open_points, gain, 0.0), kind="stable")
    return order[: int(open_points.sum())], float(noisy.sum() / open_points.sum())


def _rows(survey: Survey, ask: Ask, more: list[int], places: Places, per_point: int) -> Rows:
    """At most `count` rows: the next seeds of points that have some, and the first seeds of new ones."""
    points: list[Array] = []
    seeds: list[int] = []
    for i in more:
        first = int(survey.data.next_seed[i])
        for seed in range(first, min(first + per_point, ask.most_seeds)):
            points.append(survey.data.points[i])
            seeds.append(seed)
    for point in survey.lattice.points(places):
        points += [point] * per_point
        seeds += range(per_point)
    points, seeds = points[: ask.count], seeds[: ask.count]
    if not seeds:
        return survey.nothing()
    return np.array(points), np.array(seeds, dtype=np.int64)


def new_points(survey: Survey, ask: Ask, places: Places) -> Rows:
    """The first of these places that are not taken, with their first seeds."""
    per_point = max(1, min(ask.seeds_per_point, ask.most_seeds))
    keys = survey.lattice.keys(places)
    _, first = np.unique(keys, return_index=True)
    order = np.sort(first)
    free = order[~np.isin(keys[order], survey.taken())]
    return _rows(survey, ask, [], places[free[: math.ceil(ask.count / per_point)]], per_point)
