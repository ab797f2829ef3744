"""Refinement: new cells where a study's outcomes leave a boundary open."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from explorer.axes import Value
from explorer.cells import Cell
from explorer.errors import StudyError
from explorer.proposers.base import Ask, Domain, Observed, Proposal, proposers
from explorer.proposers.rounds import Next
from explorer.sections import STEPS_ACROSS, STEPS_PER_TOLERANCE
from explorer.settings import resolve
from explorer.store import Store, study_name
from explorer.study import Study

# A round of `batch: auto` fills this many packs' slots, and takes no more than this share of the budget.
PACKS_PER_ROUND = 2
SHARE_PER_ROUND = 0.125
SMALLEST_ROUND = 16
# A point may get this many times the seeds of the grid, where noise hides the boundary.
MORE_SEEDS = 4
# Significant digits of a default resolution.
ROUND_TO = 1
DONE = ("converged", "budget")


@dataclass(frozen=True, slots=True)
class _Group:
    """One boundary: what its cells have in common, and the values that one point of the axes and a seed take."""

    common: Mapping[str, Value]
    others: Sequence[Mapping[str, Value]]

    def cells(self, axes: Sequence[str], point: Sequence[float], seed: Value) -> Iterator[Cell]:
        """The cells of a point: one for each start, and for whatever else varies."""
        at = {**self.common, **dict(zip(axes, (float(x) for x in point), strict=True)), "seed": seed}
        for other in self.others:
            yield Cell(resolve({**at, **other}))


class Refinement:
    """Rounds of a study's `refine` section: fit a field to the order parameter, propose where its phase is open.

    A round is a function of the study and of the outcomes of its cells, those of earlier rounds among them. It looks at cells
    from random starts, where the study has several, and trains all starts.
    """

    section = "refine"

    def __init__(self, study: Study) -> None:
        if study.refine is None:
            raise StudyError(f"{study.where}: refine: missing; expected a section that says along which axis.")
        self.study, self.asked = study, study.refine
        self.axes = study.refine.axes
        self.propose_points = proposers[study.refine.proposer]

    @cached_property
    def domain(self) -> Domain:
        """The box of the axes' values, with the steps that proposed points are multiples of."""
        values = [[float(value) for value, _ in self.study.values[axis]] for axis in self.axes]
        low, high = (np.array([end(column) for column in values]) for end in (min, max))
        asked = self.asked.resolution if isinstance(self.asked.resolution, list) else [self.asked.resolution]
        steps = [*asked, *[None] * (len(self.axes) - len(asked))]
        default = [self.asked.tolerance / STEPS_PER_TOLERANCE, *((high - low)[1:] / STEPS_ACROSS)]
        resolution = [float(f"{d:.{ROUND_TO}g}") if s is None else s for s, d in zip(steps, default, strict=True)]
        return Domain(low, high, np.array(resolution), (False,) * len(self.axes))

    @cached_property
    def groups(self) -> list[_Group]:
        """One for each combination of the axes that have a boundary each."""
        varied = [name for name, values in self.study.values.items() if len(values) > 1 and name not in self.axes]
        by = [n for n in varied if n not in ("seed", "init")] if self.asked.by is None else self.asked.by
        rest = [name for name in varied if name not in by and name != "seed"]
        constant = {n: v[0][0] for n, v in self.study.values.items() if n not in (*varied, *self.axes)}
        found = []
        for chosen in self._product(by):
            others = list(self._product(rest))
            found.append(_Group({**constant, **chosen}, others))
        return found

    def _product(self, names: Sequence[str]) -> Iterator[dict[str, Value]]:
        for values in itertools.product(*([value for value, _ in self.study.values[name]] for name in names)):
            yield dict(zip(names, values, strict=True))

    @cached_property
    def seeds(self) -> list[Value]:
        """The seeds of the grid, then others, to as many as a point may have."""
        given: list[Value] = [value for value, _ in self.study.values.get("seed", [(0, ())])]
        largest = max(int(seed) for seed in given)
        return [*given, *range(largest + 1, largest + 1 + (MORE_SEEDS - 1) * len(given))]

    def propose(self, store: Store) -> Next:
        """The cells of the next round: none once every boundary is known to the tolerance, or the budget is spent."""
        rounds = [one for one in store.rounds(study_name(self.study.text)) if one.section == self.section]
        proposed = {key: Cell(s) for one in rounds for key, s in zip(one.keys, one.settings, strict=True)}
        known = {cell.key: cell for cell in self.study.cells} | proposed
        spent, number = sum(len(one.keys) for one in rounds), len(rounds) + 1
        rows = store.arrow(["cell_key", "status", self.asked.order]).to_pylist()
        outcomes = {row["cell_key"]: row for row in rows if row["cell_key"] in known}
        answers = [(group, self._answer(group, known, outcomes)) for group in self.groups]
        left_out = sum(row["status"] not in DONE for row in outcomes.values())
        left = self.asked.budget - spent
        cells: dict[str, Cell] = {}
        for group, answer in answers:
            for point, seed in zip(answer.points, answer.seeds, strict=True):
                for cell in group.cells(self.axes, point, self.seeds[int(seed)]):
                    if cell.key not in known and len(cells) < left:
                        cells[cell.key] = cell
        return Next(list(cells.values()), self._said(answers, number, spent, len(cells), left_out))

    def _said(
        self, answers: Sequence[tuple[_Group, Proposal]], number: int, spent: int, asked: int, left_out: int
    ) -> tuple[str, ...]:
        undecided = float(np.mean([answer.undecided for _, answer in answers]))
        widest = max((a.half_width for _, a in answers if np.isfinite(a.half_width)), default=float("nan"))
        known = sum(answer.known for _, answer in answers)
        boundary = f"±{widest:.3g} along {self.axes[0]}" if np.isfinite(widest) else "none found"
        state = (
            f"{undecided:.1%} of the diagram undecided, boundary {boundary}, {spent} of {self.asked.budget} cells spent"
        )
        if left_out:
            state += f", {left_out} failed or diverged and are left out"
        if known == len(answers):
            return (f"refine: {state}: known to {self.asked.tolerance:g}",)
        if not asked:
            why = "the budget is spent" if spent >= self.asked.budget else "no point is left to try"
            return (f"refine: {state}: {why}, {known} of {len(answers)} boundaries known to {self.asked.tolerance:g}",)
        return (f"refine, round {number}: {state}; {asked} more",)

    def _answer(self, group: _Group, known: Mapping[str, Cell], outcomes: Mapping[str, dict[str, object]]) -> Proposal:
        """What the proposer says of one boundary; cells that are planned and have no outcome yet are pending."""
        points: list[tuple[float, ...]] = []
        seeds: list[int] = []
        values: list[float] = []
        failed: list[tuple[float, ...]] = []
        pending: list[tuple[float, ...]] = []
        place = {seed: i for i, seed in enumerate(self.seeds)}
        for key, cell in known.items():
            settings, row = cell.settings, outcomes.get(key)
            if any(settings.get(name, value) != value for name, value in group.common.items()):
                continue
            if self._starts and settings.get("init") not in self._starts:
                continue
            point = tuple(float(settings[axis]) for axis in self.axes)
            if row is None:
                pending.append(point)
                continue
            value = row[self.asked.order]
            if row["status"] not in DONE or value is None or not np.isfinite(float(str(value))):
                failed.append(point)
                continue
            points.append(point)
            seeds.append(place.get(settings["seed"], 0))
            values.append(float(str(value)))
        shape = (-1, len(self.axes))
        observed = Observed(
            np.array(points).reshape(shape), np.array(seeds, dtype=np.int64), np.array(values),
            np.array(pending).reshape(shape), np.array(failed).reshape(shape),
        )  # fmt: skip
        rows_each = len(group.others)
        count = max(1, self._batch // (len(self.groups) * rows_each))
        ask = Ask(
            count,
            self.asked.tolerance,
            self.asked.threshold,
            min(self.asked.seeds, len(self.seeds)),
            len(self.seeds),
        )
        return self.propose_points(observed, self.domain, ask)

    @cached_property
    def _starts(self) -> tuple[Value, ...]:
        """The starts whose order parameter is looked at; all where there is but one."""
        starts = [value for value, _ in self.study.values.get("init", [])]
        return ("random",) if len(starts) > 1 and "random" in starts else tuple(starts[:1])

    @cached_property
    def _batch(self) -> int:
        """The cells of a round."""
        if isinstance(self.asked.batch, int):
            return self.asked.batch
        slots = PACKS_PER_ROUND * max(self.study.widths.values())
        return max(SMALLEST_ROUND, min(slots, int(SHARE_PER_ROUND * self.asked.budget)))
