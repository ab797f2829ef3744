"""Hyperparameter search: Optuna chooses the next cells of every grid point from the outcomes in a store."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from explorer.axes import Axis, Value
from explorer.cells import Cell
from explorer.errors import StudyError
from explorer.proposers.rounds import Next
from explorer.proposers.search_space import distribution, holds, optuna_module, sampler, seed_of, suggest
from explorer.proposers.search_trials import Ended, Known, loss_of, rebuilt, to_promote
from explorer.sections import RUNGS, Search
from explorer.settings import known_axes, resolve
from explorer.store import Store
from explorer.study import Study

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

# How often a stored cell may be proposed again, beyond the known ones, before a random one is taken; and how often that.
ASK_AGAIN, RANDOM_AGAIN = 16, 64
# A space of lists and whole numbers with no more points is gone through to its end.
SMALL_SPACE = 4096

LAST = RUNGS[-1]
Trials = dict[frozenset[tuple[str, Any]], list[Known]]


class Point:
    """A cell of the grid, its searched settings at their defaults, and what of them can be varied there."""

    def __init__(self, cell: Cell, search: Search) -> None:
        self.cell = cell
        self.pruned = search.pruner != "none"
        left_out = {*search.over, *(("steps",) if self.pruned else ())}
        self.settings = {name: value for name, value in cell.settings.items() if name not in search.over}
        self.identity = frozenset((n, v) for n, v in cell.settings.items() if n not in left_out)
        self.axes = [axis for axis in cell.axes if axis.name in search.over]
        self.defaults = {axis.name: cell.settings[axis.name] for axis in self.axes if axis.name in cell.settings}
        self._search = search

    @cached_property
    def spaces(self) -> dict[str, BaseDistribution]:
        """The distributions of the settings that can matter here."""
        able = [axis for axis in self.axes if self._reachable(axis)]
        written = {axis.name: self._search.over[axis.name] for axis in able}
        if any(isinstance(values, list) for values in written.values()):
            kinds = {axis.name: axis for axis in able}
            written = {n: [kinds[n].read(v, n) for v in w] if isinstance(w, list) else w for n, w in written.items()}
        return {axis.name: distribution(written[axis.name], axis.kind != "float") for axis in able}

    def _reachable(self, axis: Axis) -> bool:
        """Whether a setting matters at this point beside some values of those searched."""
        return all(
            name in self._search.over or self.settings.get(name) in allowed
            for name, allowed in (axis.when or {}).items()
        )

    def matters(self, axis: Axis, params: Mapping[str, Value]) -> bool:
        """Whether a setting matters here beside these values."""
        return axis.name in self.spaces and axis.matters({**self.settings, **params})

    def at(self, params: Mapping[str, Value], rung: int) -> Cell | None:
        """The cell of these values at a rung; none where the settings do not go together."""
        given = {**self.settings, **params}
        if self.pruned:
            given["steps"] = max(1, int(self.cell.settings["steps"]) * rung // LAST)
        try:
            return Cell(resolve(given))
        except StudyError:
            return None

    def rung(self, steps: int) -> int | None:
        """The rung of a cell that takes so many steps."""
        if not self.pruned:
            return LAST
        return next((r for r in RUNGS if int(self.cell.settings["steps"]) * r // LAST == steps), None)


class HyperparameterSearch:
    """The lowest loss over some settings at every point of a study's grid: a function of the store and of nothing else.

    Trial 0 of a point is the grid's own cell, with the defaults; every further one is a cell with the searched settings
    replaced. An Optuna study a point is rebuilt from the outcomes in each round and asked for `batch` trials; first the best
    values of neighbouring points (one step along one number, another seed), for half of the batch. The sampler's seed is made of
    `search.seed`, the point and the number of its cells. A stored cell is never proposed: it is asked again, then drawn at random.

    Trials with a pruner begin with a ninth of the steps. A trial that ended a rung is judged by Optuna's pruner, against the
    trials before it, and goes on as a cell of more steps, or waits for the end.
    """

    section = "search"

    def __init__(self, study: Study) -> None:
        if study.search is None:
            raise StudyError(f"{study.where}: there is no section search.")
        self.study, self.search = study, study.search
        self.points = [Point(cell, self.search) for cell in study.cells]
        self._near = _neighbours(self.points, study)

    def propose(self, store: Store) -> Next:
        """The cells of the next round, of all points at once; none where every point has its trials."""
        trials, stored = self._known(store), store.keys()
        proposed: dict[str, Cell] = {}
        asked = ended = 0
        for point in self.points:
            known = trials.get(point.identity, [])
            if point.cell.key not in stored:
                proposed[point.cell.key] = point.cell
                continue
            waiting = self._promotions(point, known)
            wanted = min(self.search.batch, self.search.budget - len(known)) if point.spaces else 0
            new = self._ask(point, known, waiting, wanted, trials, stored) if wanted > 0 else []
            again = [point.at(known[number].params, self._next_rung(known[number])) for number in waiting]
            proposed |= {cell.key: cell for cell in (*again, *new) if cell is not None and cell.key not in stored}
            asked += len(new)
            ended += len(known)
        said = f"search: {ended} trials at {len(self.points)} points"
        more = len(proposed) - asked
        said += f"; next {asked} more" + (f", and {more} that go on" if more else "") if proposed else ", all there are"
        return Next(list(proposed.values()), (said,))

    @cached_property
    def _first_rung(self) -> int:
        return RUNGS[0] if self.search.pruner != "none" else LAST

    @staticmethod
    def _next_rung(trial: Known) -> int:
        return next(rung for rung in RUNGS if rung > max(trial.cells))

    def _promotions(self, point: Point, known: Sequence[Known]) -> list[int]:
        if self.search.pruner == "none":
            return []
        return to_promote(known, self.search.pruner, self.search.budget, RUNGS, point.cell.key)

    def _known(self, store: Store) -> Trials:
        """The trials of every point in the order in which they were proposed, the defaults first; no cells beyond the ranges."""
        points = {point.identity: point for point in self.points}
        there = [name for name in store.settings if name in store.schema.names]
        naming = [
            name for name in there if name not in self.search.over and (name != "steps" or self._first_rung == LAST)
        ]
        rounds = sorted(store.rounds(), key=lambda one: (one.number, one.study))
        place = {key: i for i, key in enumerate(key for one in rounds for key in one.keys)}
        rows = store.arrow(["cell_key", "status", "loss", *there]).to_pylist()
        rows.sort(key=lambda row: (place.get(row["cell_key"], -1), row["cell_key"]))
        found: dict[frozenset[tuple[str, Any]], dict[tuple[tuple[str, Any], ...], Known]] = {}
        for row in rows:
            point = points.get(frozenset((n, row[n]) for n in naming if row[n] is not None))
            rung = point.rung(row["steps"]) if point is not None else None
            if point is None or rung is None:
                continue
            params = {axis.name: row[axis.name] for axis in point.axes if row.get(axis.name) is not None}
            default = params == point.defaults
            if not default and not all(n in point.spaces and holds(point.spaces[n], v) for n, v in params.items()):
                continue
            of_point = found.setdefault(point.identity, {})
            trial = of_point.setdefault(tuple(sorted(params.items())), Known(params))
            trial.cells[rung] = Ended(row["cell_key"], row["status"], row["loss"])
        return {
            identity: sorted(of_point.values(), key=lambda trial: trial.params != points[identity].defaults)
            for identity, of_point in found.items()
        }

    def _ask(
        self,
        point: Point,
        known: Sequence[Known],
        running: Sequence[int],
        wanted: int,
        trials: Trials,
        stored: set[str],
    ) -> list[Cell]:
        """New trials of a point, as many as are wanted where the space has so many."""
        cells = sum(len(trial.cells) for trial in known)
        lasting = seed_of(self.search.seed, point.cell.key)
        now = seed_of(self.search.seed, point.cell.key, cells)
        study = rebuilt(
            known, point.spaces, sampler(self.search.sampler, self.search.budget, now, lasting), running, LAST
        )
        taken = {tuple(sorted(trial.params.items())) for trial in known}
        new: list[Cell] = []
        for params in itertools.islice(
            self._from_neighbours(point, taken, trials), (self.search.batch + len(known) % 2) // 2
        ):
            study.enqueue_trial(params)
        for _ in range(wanted):
            cell = self._one(point, study, taken, stored, ASK_AGAIN + len(known))
            if cell is None:
                study.sampler = optuna_module().samplers.RandomSampler(seed=now)
                cell = self._one(point, study, taken, stored, RANDOM_AGAIN)
            if cell is None:
                cell = self._any(point, taken, stored)
            if cell is None:
                break
            new.append(cell)
        return new

    def _one(self, point: Point, study: optuna.Study, taken: set[Any], stored: set[str], times: int) -> Cell | None:
        """A cell that is new, if one is found in so many times. Trials that are not new stay open, which keeps the sampler away."""
        for _ in range(times):
            trial, params = study.ask(), {}
            for axis in point.axes:
                if point.matters(axis, params):
                    params[axis.name] = axis.read(suggest(trial, axis.name, point.spaces[axis.name]), axis.name)
            cell = self._new(point, params, taken, stored)
            if cell is not None:
                return cell
        return None

    def _any(self, point: Point, taken: set[Any], stored: set[str]) -> Cell | None:
        """The first new cell of a small space."""
        from optuna.distributions import CategoricalDistribution, IntDistribution

        ranges: list[Sequence[Any]] = []
        size = 1
        for of in point.spaces.values():
            if isinstance(of, CategoricalDistribution):
                ranges.append(of.choices)
            elif isinstance(of, IntDistribution):
                ranges.append(range(of.low, of.high + 1))
            else:
                return None
            size *= len(ranges[-1])
        if size > SMALL_SPACE:
            return None
        axes = {axis.name: axis for axis in point.axes}
        for values in itertools.product(*ranges):
            params: dict[str, Value] = {}
            for name, value in zip(point.spaces, values, strict=True):
                if point.matters(axes[name], params):
                    params[name] = axes[name].read(value, name)
            cell = self._new(point, params, taken, stored)
            if cell is not None:
                return cell
        return None

    def _new(self, point: Point, params: Mapping[str, Value], taken: set[Any], stored: set[str]) -> Cell | None:
        """The first cell of a trial with these values, taken from then on; none where it is not new."""
        named = tuple(sorted(params.items()))
        cell = point.at(params, self._first_rung) if named not in taken else None
        taken.add(named)
        return None if cell is None or cell.key in stored else cell

    def _from_neighbours(self, point: Point, taken: set[Any], trials: Trials) -> Iterator[dict[str, Any]]:
        """The best values of the neighbours that are new here, those that gained most on their defaults first."""
        found: list[tuple[float, dict[str, Any]]] = []
        for near in self._near(point):
            losses = [
                (loss, trial) for trial in trials.get(near.identity, []) if (loss := loss_of(trial, LAST)) is not None
            ]
            if not losses:
                continue
            best, trial = min(losses, key=lambda one: one[0])
            default = next((loss for loss, one in losses if one.params == near.defaults), float("inf"))
            if all(n in point.spaces and holds(point.spaces[n], v) for n, v in trial.params.items()):
                found.append((best - default, trial.params))
        seen = set(taken)
        for _, params in sorted(found, key=lambda one: one[0]):
            named = tuple(sorted(params.items()))
            if named not in seen:
                seen.add(named)
                yield params


def _neighbours(points: Sequence[Point], study: Study) -> Any:
    """A function from a point to those one step away along one numeric axis, and those that differ in the seed alone."""
    known = known_axes()
    names = [name for name, values in study.values.items() if len(values) > 1]
    places = {tuple(point.cell.settings.get(name) for name in names): point for point in points}
    steps: list[dict[Any, list[Any]]] = []
    for i, name in enumerate(names):
        values: list[Any] = list(dict.fromkeys(place[i] for place in places if place[i] is not None))
        if name == "seed":
            steps.append({value: [other for other in values if other != value] for value in values})
        elif known[name].kind in ("float", "int", "count"):
            ordered = sorted(values)
            steps.append({v: [*ordered[max(0, k - 1) : k], *ordered[k + 1 : k + 2]] for k, v in enumerate(ordered)})
        else:
            steps.append({})

    def near(point: Point) -> Iterator[Point]:
        place = tuple(point.cell.settings.get(name) for name in names)
        for i, there in enumerate(steps):
            for value in there.get(place[i], ()):
                other = places.get((*place[:i], value, *place[i + 1 :]))
                if other is not None:
                    yield other

    return near
