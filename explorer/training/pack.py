"""Training a pack: slots that train cells, and are filled again when a cell is done."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.func import stack_module_state

from explorer.architectures import Architecture
from explorer.cells import Cell, Pack
from explorer.training.data import Data
from explorer.training.evaluation import Evaluation, Seen
from explorer.training.optimizers import Parameters, initial_moments
from explorer.training.program import compiler_available, program
from explorer.training.result import CellResult, Status
from explorer.training.schedules import factors
from explorer.training.stopping import Plateau, look_every

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


class PackRun:
    """One pack in training: as many cells at a time as it has slots, the others as slots become free.

    Slots without a cell of their own go on with another's; what they learn is thrown away. A cell whose loss stops being
    finite (or passes 1e3) touches no other. A cell's result does not depend on the slot, on its neighbours or on when
    it began.
    """

    def __init__(self, pack: Pack, device: str = "cpu", compiled: bool = True) -> None:
        self.pack, self.device = pack, torch.device(device)
        shape = pack.cells[0].shape
        self.program = program(
            tuple(sorted(shape.items())), pack.width, self.device.type,
            compiled and compiler_available(self.device.type),
        )  # fmt: skip
        self.steps = int(shape["steps"])
        self.schedule = str(shape["schedule"])
        self.every = look_every(self.steps) if self.schedule == "plateau" else -(-self.steps // CURVE_POINTS)
        self._waiting = deque(pack.cells)
        self._results: list[CellResult] = []
        self._done: list[_Slot] = []
        self.data = Data(self.program, self.device)
        self._slots: list[_Slot | None] = [None] * pack.width
        first = [self._start(pack.cells[min(i, len(pack.cells) - 1)]) for i in range(pack.width)]
        parameters, buffers = stack_module_state(first)  # type: ignore[arg-type]
        self.parameters = {k: v.detach().contiguous().to(self.device) for k, v in parameters.items()}
        self.buffers = {k: v.detach().contiguous().to(self.device) for k, v in buffers.items()}
        self.moments = initial_moments(str(shape["optimizer"]), self.parameters)
        self.loss_sum = torch.zeros(pack.width, device=self.device)
        self._shown = [self._waiting[min(i, len(self._waiting) - 1)] for i in range(pack.width)]
        for i in range(min(pack.width, len(self._waiting))):
            self._slots[i] = self._slot(self._waiting.popleft())
        self._set_knobs()
        if self.device.type == "cuda":
            from torch._dynamo import mark_static_address

            for value in self._state.values():
                mark_static_address(value)

    def _start(self, cell: Cell) -> Architecture:
        model = self.program.build()
        generator = torch.Generator().manual_seed(int(cell.settings["seed"]))
        model.prepare(cell.settings)
        model.initialise(str(cell.settings["init"]), generator)
        return model

    def _slot(self, cell: Cell) -> _Slot:
        plateau = Plateau(self.steps, float(cell.settings["tolerance"])) if self.schedule == "plateau" else None
        return _Slot(cell, plateau)

    @property
    def _state(self) -> dict[str, Tensor]:
        """Everything that is a slot's own, by name."""
        return {**self.parameters, **self.buffers, **self.moments, "loss_sum": self.loss_sum}

    def _knobs_of(self, cells: Sequence[Cell]) -> dict[str, Tensor]:
        known = [name for name in self.program.knobs if name in cells[0].knobs]
        return {name: torch.tensor([cell.knobs[name] for cell in cells], device=self.device) for name in known}

    def _set_knobs(self) -> None:
        self.knobs = self._knobs_of(self._shown)
        self._rates = np.array([float(cell.settings["learning_rate"]) for cell in self._shown])

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
        """This many steps of every slot."""
        first = next(slot for _, slot in self._active)
        slots = [slot or first for slot in self._slots]
        step = np.array([slot.done for slot in slots])[None, :] + np.arange(steps)[:, None]
        if self.schedule == "plateau":
            factor = np.stack([s.plateau.factors(step[:, i]) for i, s in enumerate(slots) if s.plateau], axis=1)
        else:
            factor = factors(self.schedule, step, self.steps)
        numbers = self.program.optimizer.controls(self._rates * factor, step + 1.0)
        ordered = [step / self.steps, *(numbers[name] for name in self.program.optimizer.numbers)]
        controls = torch.from_numpy(np.stack(ordered, axis=1).astype(np.float32)).to(self.device)
        streams = [slot.cell.stream for slot in slots]
        for k in range(steps):
            drawn = self.data.training(streams, step[k])
            self.parameters, self.moments, self.loss_sum = self.program.step(
                self.parameters, self.buffers, self.moments, *drawn, self.knobs, controls[k], self.loss_sum
            )

    def _look(self, slots: Sequence[tuple[int, _Slot]]) -> None:
        """Note the losses since the last look; let go of cells that are done, and start others in their place."""
        if not slots:
            return
        sums = self.loss_sum.cpu().numpy()
        for i, slot in slots:
            since = slot.done - (slot.curve[-1][0] if slot.curve else 0)
            slot.curve.append((slot.done, float(sums[i] / since)))
            if slot.plateau is not None:
                slot.plateau.look(slot.done, [loss for _, loss in slot.curve])
            if self._over(slot) or slot.diverged:
                slot.weights = {k: v[i].clone() for k, v in {**self.parameters, **self.buffers}.items()}
                self._done.append(slot)
                self._slots[i] = None
        self.loss_sum[torch.tensor([i for i, _ in slots], device=self.device)] = 0.0
        if len(self._done) >= self.pack.width:
            self._evaluate(self._done[: self.pack.width])
        free = self._slots.count(None)
        if self._waiting and free >= max(1, min(REFILL_AT * self.pack.width, len(self._waiting))):
            self._refill()

    def _refill(self) -> None:
        for i in (i for i, slot in enumerate(self._slots) if slot is None):
            if not self._waiting:
                break
            cell = self._waiting.popleft()
            self._slots[i], self._shown[i] = self._slot(cell), cell
            model = self._start(cell)
            for values in (dict(model.named_parameters()), dict(model.named_buffers())):
                for name, value in values.items():
                    self._state[name][i].copy_(value.detach())
            for moment in (*self.moments.values(), self.loss_sum):
                moment[i].zero_()
        self._set_knobs()
        self.data.forget(cell.stream for cell in (*self._shown, *(slot.cell for slot in self._done)))

    def _evaluate(self, slots: Sequence[_Slot]) -> None:
        """Evaluate cells that are done, at most as many as there are slots, and let go of them."""
        begin = time.perf_counter()
        padded = [*slots, *[slots[0]] * (self.pack.width - len(slots))]
        weights = {name: torch.stack([slot.weights[name] for slot in padded]) for name in slots[0].weights}
        cells = [slot.cell for slot in padded]
        seen = Evaluation(self.program, self.data, cells, weights, self._knobs_of(cells)).results(len(slots))
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
