"""Training a pack: slots that train cells, and are filled again when a cell is done."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from explorer.cells import Cell, Pack
from explorer.training.clock import clock
from explorer.training.data import BLOCK, Data, Stream
from explorer.training.evaluation import Evaluation, Seen
from explorer.training.optimizers import Moments, Parameters
from explorer.training.program import compiler_available, program
from explorer.training.result import CellResult, Status
from explorer.training.schedules import factors
from explorer.training.state import CellState
from explorer.training.stopping import Plateau, look_every
from explorer.training.tile import Tile

CURVE_POINTS = 100
DIVERGED_ABOVE = 1e3
CONVERGED_WITHIN = 0.01
# Slots are filled again once this share of them is free: cells that start together share their draws.
REFILL_AT = 0.25


@dataclass(eq=False)
class _Slot:
    """A cell in training."""

    cell: Cell
    plateau: Plateau | None
    done: int = 0
    seconds: float = 0.0
    curve: list[tuple[int, float]] = field(default_factory=list)
    # Of a cell that is done: what was learned.
    weights: Parameters = field(default_factory=dict)

    @property
    def diverged(self) -> bool:
        return bool(self.curve) and not self.curve[-1][1] <= DIVERGED_ABOVE

    def state(self, loss_sum: float, weights: Parameters, moments: Moments) -> CellState:
        """The cell as it stands, with these weights and moments, which a cell that is over has none of."""
        descent, converged = (None, False) if self.plateau is None else (self.plateau.descent, self.plateau.converged)
        return CellState(
            self.done,
            self.seconds,
            tuple(self.curve),
            loss_sum,
            weights,
            moments,
            descent,
            converged,
            bool(self.weights),
        )


class PackRun:
    """One pack in training: as many cells at a time as it has slots, the others as slots become free.

    Its slots are tiles of the program's width, which take turns at every step and share its draws.

    Slots without a cell of their own go on with another's; what they learn is thrown away. A cell whose loss stops being
    finite (or passes 1e3) touches no other. A cell's result does not depend on the slot, on its neighbours or on when
    it began. Cells of which there is a state go on from there, in a run of the same width, device and compiler to the
    same bits.
    """

    def __init__(
        self, pack: Pack, device: str = "cpu", compiled: bool = True, states: Mapping[str, CellState] | None = None
    ) -> None:
        self.pack, self.device = pack, torch.device(device)
        shape = pack.cells[0].shape
        self.program = program(
            tuple(sorted(shape.items())), pack.width, self.device.type,
            compiled and compiler_available(self.device.type),
        )  # fmt: skip
        self.steps = int(shape["steps"])
        self.schedule = str(shape["schedule"])
        self.every = look_every(self.steps) if self.schedule == "plateau" else -(-self.steps // CURVE_POINTS)
        self.data = Data(self.program, self.device)
        self._streams: list[Stream] = []
        self._results: list[CellResult] = []
        self._done: list[_Slot] = []
        known = {cell.key: states[cell.key] for cell in pack.cells if cell.key in states} if states else {}
        self._done += [self._slot(cell, known[cell.key]) for cell in pack.cells if _over(known, cell)]
        begun = [cell for cell in pack.cells if cell.key in known and not _over(known, cell)]
        self._waiting = deque((*begun, *(cell for cell in pack.cells if cell.key not in known)))
        cells = tuple(self._waiting) or pack.cells
        first = [cells[min(i, len(cells) - 1)] for i in range(pack.slots)]
        self.tiles = [
            Tile(self.program, first[i : i + pack.width], self.device) for i in range(0, pack.slots, pack.width)
        ]
        self._slots: list[_Slot | None] = [None] * pack.slots
        self._states = {cell.key: known[cell.key] for cell in begun}
        self._fill({i: self._waiting.popleft() for i in range(min(pack.slots, len(self._waiting)))})

    def _slot(self, cell: Cell, state: CellState | None = None) -> _Slot:
        plateau = None
        if self.schedule == "plateau":
            tolerance, rate = (float(cell.settings[name]) for name in ("tolerance", "learning_rate"))
            plateau = Plateau(self.steps, tolerance, rate)
        if state is None:
            return _Slot(cell, plateau)
        if plateau is not None:
            plateau.descent, plateau.converged = state.descent, state.converged
        weights = {name: value.to(self.device) for name, value in state.weights.items()} if state.over else {}
        return _Slot(cell, plateau, state.steps, state.seconds, list(state.curve), weights)

    def _fill(self, cells: Mapping[int, Cell]) -> None:
        """Give these free slots, whose tiles have the cells at their beginning, to them, as far as they were trained before."""
        for i, cell in cells.items():
            state = self._states.pop(cell.key, None)
            self._slots[i] = self._slot(cell, state)
            if state is not None:
                self.tiles[i // self.pack.width].restore(i % self.pack.width, state)

    def states(self) -> dict[str, CellState]:
        """What is known of every cell that is begun and not yet evaluated, by its key."""
        found, width = dict(self._states), self.pack.width
        copies = [tile.copied() for tile in self.tiles]
        for i, slot in self._active:
            weights, moments, sums = copies[i // width]
            here = [{name: value[i % width] for name, value in of.items()} for of in (weights, moments)]
            found[slot.cell.key] = slot.state(float(sums[i % width]), *here)
        for slot in self._done:
            found[slot.cell.key] = slot.state(0.0, {name: value.cpu() for name, value in slot.weights.items()}, {})
        return found

    @property
    def _active(self) -> list[tuple[int, _Slot]]:
        return [(i, slot) for i, slot in enumerate(self._slots) if slot is not None]

    @property
    def finished(self) -> bool:
        """Whether every cell is trained."""
        return not self._waiting and not self._active

    @property
    def under_way(self) -> float:
        """How many cells' worth of training is done and not yet taken; cells that may end early count by their budget."""
        return len(self._results) + len(self._done) + sum(slot.done / self.steps for _, slot in self._active)

    @property
    def diverged(self) -> int:
        """How many cells that are not yet taken have left the finite."""
        trained = sum(result.status == "diverged" for result in self._results)
        return trained + sum(slot.diverged for slot in (*self._done, *(slot for _, slot in self._active)))

    @property
    def seconds(self) -> float:
        """Spent so far on cells that are not yet evaluated."""
        return sum(slot.seconds for slot in (*self._done, *(slot for _, slot in self._active)))

    def advance(self, steps: int) -> None:
        """Train for at most `steps` more steps of the slots."""
        while steps > 0 and not self.finished:
            active = self._active
            taken = min(steps, *(self._to_next_look(slot) for _, slot in active))
            begin = time.perf_counter()
            self._train(taken)
            share = (time.perf_counter() - begin) / len(active)
            for _, slot in active:
                slot.done += taken
                slot.seconds += share
            steps -= taken
            self._look([(i, slot) for i, slot in active if self._to_next_look(slot) == self.every or self._over(slot)])

    def take(self) -> list[CellResult]:
        """The results there are since the last call."""
        taken, self._results = self._results, []
        return taken

    def finish(self) -> list[CellResult]:
        """Evaluate every cell that is trained; the results since the last call, in the pack's order."""
        while self._done:
            self._evaluate(self._done[: self.pack.width])
        place = {cell.key: i for i, cell in enumerate(self.pack.cells)}
        return sorted(self.take(), key=lambda result: place[result.cell.key])

    def train(self) -> list[CellResult]:
        """Train every cell to its end, and evaluate."""
        while not self.finished:
            self.advance(self.steps)
        return self.finish()

    def _over(self, slot: _Slot) -> bool:
        return slot.done >= (self.steps if slot.plateau is None else slot.plateau.end)

    def _to_next_look(self, slot: _Slot) -> int:
        end = self.steps if slot.plateau is None else slot.plateau.end
        return min(self.every - slot.done % self.every, end - slot.done) or self.every

    def _train(self, steps: int) -> None:
        """This many steps of every slot of the tiles that have a cell in training."""
        first = next(slot for _, slot in self._active)
        slots = [slot or first for slot in self._slots]
        step = np.array([slot.done for slot in slots])[None, :] + np.arange(steps)[:, None]
        if self.schedule == "plateau":
            factor = np.stack([s.plateau.factors(step[:, i]) for i, s in enumerate(slots) if s.plateau], axis=1)
        else:
            factor = factors(self.schedule, step, self.steps)
        rates = np.concatenate([tile.rates for tile in self.tiles])
        numbers = self.program.optimizer.controls(rates * factor, step + 1.0)
        ordered = [step / self.steps, *(numbers[name] for name in self.program.optimizer.numbers)]
        width = self.pack.width
        by_tile = np.stack(ordered, axis=1).reshape(steps, len(ordered), -1, width).swapaxes(1, 2)
        controls = torch.from_numpy(np.ascontiguousarray(by_tile, dtype=np.float32)).to(self.device)
        streams = [slot.cell.stream for slot in slots]
        if streams != self._streams:
            self._streams = streams
        at_work = [t for t in range(len(self.tiles)) if any(self._slots[t * width : (t + 1) * width])]
        k = 0
        while k < steps:  # a tile stays in the cache while all slots read the same blocks of draws
            ahead = min(steps - k, int((BLOCK - step[k] % BLOCK).min()))
            drawn = [self.data.training(self._streams, step[j]) for j in range(k, k + ahead)]
            for t in at_work:
                for j, (latents, noises, row) in enumerate(drawn, start=k):
                    self.tiles[t].step(latents, noises, row[t * width : (t + 1) * width], controls[j, t])
            k += ahead

    def _look(self, slots: Sequence[tuple[int, _Slot]]) -> None:
        """Note the losses since the last look; let go of cells that are done, and start others in their place."""
        if not slots:
            return
        sums = np.concatenate([tile.loss_sum.cpu().numpy() for tile in self.tiles])
        for i, slot in slots:
            since = slot.done - (slot.curve[-1][0] if slot.curve else 0)
            slot.curve.append((slot.done, float(sums[i] / since)))
            if slot.plateau is not None:
                slot.plateau.look(slot.done, [loss for _, loss in slot.curve])
            if self._over(slot) or slot.diverged:
                slot.weights = self.tiles[i // self.pack.width].weights_of(i % self.pack.width)
                self._done.append(slot)
                self._slots[i] = None
            self.tiles[i // self.pack.width].loss_sum[i % self.pack.width] = 0.0
        while len(self._done) >= self.pack.width:
            self._evaluate(self._done[: self.pack.width])
        free = self._slots.count(None)
        if self._waiting and free >= max(1, min(REFILL_AT * len(self._slots), len(self._waiting))):
            self._refill()

    def _refill(self) -> None:
        width, cells = self.pack.width, dict[int, Cell]()
        for i in (i for i, slot in enumerate(self._slots) if slot is None):
            if not self._waiting:
                break
            cells[i] = self._waiting.popleft()
        for t, tile in enumerate(self.tiles):
            here = {i % width: cell for i, cell in cells.items() if i // width == t}
            if here:
                tile.begin(here)
        self._fill(cells)
        shown = (cell for tile in self.tiles for cell in tile.cells)
        self.data.forget(cell.stream for cell in (*shown, *(slot.cell for slot in self._done)))

    def _evaluate(self, slots: Sequence[_Slot]) -> None:
        """Evaluate cells that are done, at most as many as there are slots, and let go of them."""
        begin = time.perf_counter()
        padded = [*slots, *[slots[0]] * (self.pack.width - len(slots))]
        weights = {name: torch.stack([slot.weights[name] for slot in padded]) for name in slots[0].weights}
        cells = [slot.cell for slot in padded]
        knobs = self.program.knobs_of(cells, self.device)
        with clock.phase("evaluate"):
            seen = Evaluation(self.program, self.data, cells, weights, knobs).results(len(slots))
        share = (time.perf_counter() - begin) / len(slots)
        for slot, found in zip(slots, seen, strict=True):
            self._results.append(self._result(slot, found, slot.seconds + share))
        self._done = [slot for slot in self._done if slot not in slots]

    def _result(self, slot: _Slot, seen: Seen, seconds: float) -> CellResult:
        loss, error, minimizer, probe = seen
        curve, width = tuple(slot.curve), self.pack.width
        finite = all(np.isfinite(value).all() for value in minimizer.values())
        if slot.diverged or not finite or not loss <= DIVERGED_ABOVE:
            return CellResult(slot.cell, "diverged", slot.done, seconds, curve=curve, pack_width=width)
        settled: Status = "budget"
        if _status(curve) if slot.plateau is None else slot.plateau.converged:
            settled = "converged"
        return CellResult(
            slot.cell, settled, slot.done, seconds, loss, error, None, curve, minimizer, width, _objective(curve), probe
        )


def _over(states: Mapping[str, CellState], cell: Cell) -> bool:
    return cell.key in states and states[cell.key].over


def _tenth(curve: tuple[tuple[int, float], ...]) -> int:
    return len(curve) // 10


def _objective(curve: tuple[tuple[int, float], ...]) -> float | None:
    """The mean training objective over the last tenth of the steps, or over all of a short training."""
    last = [value for _, value in curve[-max(1, _tenth(curve)) :]]
    return float(np.mean(last)) if last else None


def _status(curve: tuple[tuple[int, float], ...]) -> bool:
    """Whether the mean training loss of the last tenth is within 1 % of the tenth before it."""
    tenth = _tenth(curve)
    if tenth == 0:
        return False
    losses = np.array([value for _, value in curve])
    last, before = losses[-tenth:].mean(), losses[-2 * tenth : -tenth].mean()
    return bool(abs(last - before) <= CONVERGED_WITHIN * abs(before))
