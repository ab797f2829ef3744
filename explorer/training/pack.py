"""Training a pack: start, advance by slices, finish."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state

from explorer.cells import Cell, Pack
from explorer.sources import sources
from explorer.training.draws import Purpose, words
from explorer.training.optimizers import initial_moments
from explorer.training.program import compiler_available, program
from explorer.training.result import CellResult, Status
from explorer.training.schedules import factor
from explorer.training.size import EVALUATION_CHUNK

CURVE_POINTS = 100
DIVERGED_ABOVE = 1e3
CONVERGED_WITHIN = 0.01


class PackRun:
    """One pack in training.

    The pack's slots beyond its cells repeat the first cell; they are trained and thrown away. A cell whose loss
    stops being finite (or passes 1e3) goes on as NaN in its own slot and touches no other.
    """

    def __init__(self, pack: Pack, device: str = "cpu", compiled: bool = True) -> None:
        self.pack, self.device = pack, torch.device(device)
        self.cells: list[Cell] = [*pack.cells, *[pack.cells[0]] * (pack.width - len(pack.cells))]
        self.program = program(
            tuple(sorted(pack.cells[0].shape.items())), compiled and compiler_available(self.device.type)
        )
        self.steps = int(self.program.shape["steps"])
        self.schedule = str(self.program.shape["schedule"])
        self.done = 0
        self.seconds = 0.0
        self._streams = sorted({cell.stream for cell in self.cells}, key=str)
        position = {stream: i for i, stream in enumerate(self._streams)}
        self.stream = torch.tensor([position[cell.stream] for cell in self.cells], device=self.device)
        self.knobs = {
            name: torch.tensor([cell.knobs[name] for cell in self.cells], device=self.device)
            for name in self.program.knobs
            if name in self.cells[0].knobs
        }
        source = sources[str(self.program.shape["source"])]
        self._tables = [
            torch.from_numpy(source.table(dict(stream)).astype(np.float32)).to(self.device) for stream in self._streams
        ]
        parameters, _ = stack_module_state([self._start(cell) for cell in self.cells])  # type: ignore[arg-type]
        self.parameters = {k: v.detach().contiguous().to(self.device) for k, v in parameters.items()}
        self.moments = initial_moments(str(self.program.shape["optimizer"]), self.parameters)
        self.loss_sum = torch.zeros(pack.width, device=self.device)
        self._every = -(-self.steps // CURVE_POINTS)
        self._curve: list[tuple[int, np.ndarray]] = []

    def _start(self, cell: Cell) -> torch.nn.Module:
        model = self.program.build()
        generator = torch.Generator().manual_seed(int(cell.settings["seed"]))
        model.initialise(str(cell.settings["init"]), generator)
        return model

    def _latents(self, purpose: Purpose, step: int, samples: int) -> Tensor:
        """The latent draws of every stream, (stream, sample, …), padded to the pack's number of streams."""
        latent = self.program.latent(samples)
        seeds = [int(dict(stream)["seed"]) for stream in self._streams]
        drawn: dict[int, Tensor] = {}
        for seed in seeds:
            if seed not in drawn:
                drawn[seed] = words(seed, purpose, step, samples * self.program.width).to(self.device)
        latents = [latent(drawn[seed], table) for seed, table in zip(seeds, self._tables, strict=True)]
        return torch.stack([*latents, *[latents[0]] * (self.pack.streams - len(latents))])

    def advance(self, steps: int) -> None:
        """Train for at most `steps` more steps."""
        begin = time.perf_counter()
        for _ in range(min(steps, self.steps - self.done)):
            latents = self._latents("training", self.done, self.program.batch)
            rate = torch.tensor(factor(self.schedule, self.done, self.steps), device=self.device)
            time_now = torch.tensor(float(self.done + 1), device=self.device)
            self.parameters, self.moments, self.loss_sum = self.program.step(
                self.parameters, self.moments, latents, self.stream, self.knobs, rate, time_now, self.loss_sum
            )
            self.done += 1
            if self.done % self._every == 0 or self.done == self.steps:
                self._note_curve()
        self.seconds += time.perf_counter() - begin

    def _note_curve(self) -> None:
        since = self.done - (self._curve[-1][0] if self._curve else 0)
        self._curve.append((self.done, (self.loss_sum / since).cpu().numpy()))
        self.loss_sum = torch.zeros_like(self.loss_sum)

    @property
    def finished(self) -> bool:
        return self.done >= self.steps

    @property
    def diverged(self) -> np.ndarray:
        """Which of the pack's cells have left the finite, so far."""
        if not self._curve:
            return np.zeros(len(self.pack.cells), dtype=bool)
        losses = np.stack([losses for _, losses in self._curve])[:, : len(self.pack.cells)]
        return np.any(~(losses <= DIVERGED_ABOVE), axis=0)

    def finish(self) -> list[CellResult]:
        """Evaluate every cell on fresh data; one result per cell, in the pack's order."""
        begin = time.perf_counter()
        mean, error = self._evaluate()
        minimizers = self._minimizers()
        self.seconds += time.perf_counter() - begin
        share = self.seconds / len(self.pack.cells)
        return [
            self._result(i, cell, float(mean[i]), float(error[i]), minimizers[i], share)
            for i, cell in enumerate(self.pack.cells)
        ]

    def _result(
        self, i: int, cell: Cell, loss: float, error: float, minimizer: dict[str, np.ndarray], seconds: float
    ) -> CellResult:
        curve = tuple((step, float(losses[i])) for step, losses in self._curve)
        finite = all(np.isfinite(value).all() for value in minimizer.values())
        if self.diverged[i] or not finite or not loss <= DIVERGED_ABOVE:
            last = next((step for step, value in curve if not value <= DIVERGED_ABOVE), self.steps)
            return CellResult(cell, "diverged", last, seconds, curve=curve, pack_width=self.pack.width)
        return CellResult(
            cell, _status(curve), self.steps, seconds, loss, error, None, curve, minimizer, self.pack.width
        )

    @torch.no_grad()
    def _evaluate(self) -> tuple[np.ndarray, np.ndarray]:
        total = int(self.program.shape["evaluation_samples"])
        sums = torch.zeros(2, self.pack.width, dtype=torch.float64, device=self.device)
        for chunk, begin in enumerate(range(0, total, EVALUATION_CHUNK)):
            latents = self._latents("evaluation", chunk, min(EVALUATION_CHUNK, total - begin))
            losses = self.program.losses(self.parameters, latents, self.stream, self.knobs).double()
            sums += torch.stack([losses.sum(dim=1), losses.square().sum(dim=1)])
        mean = sums[0] / total
        variance = (sums[1] / total - mean.square()).clamp(min=0) * (total / (total - 1))
        return mean.cpu().numpy(), (variance / total).sqrt().cpu().numpy()

    def _minimizers(self) -> list[dict[str, np.ndarray]]:
        model = self.program.model
        out = []
        for i in range(len(self.pack.cells)):
            parameters = {name: value[i] for name, value in self.parameters.items()}
            tensors = functional_call(_Minimizer(model), {f"model.{k}": v for k, v in parameters.items()}, ())
            out.append({name: value.cpu().numpy().copy() for name, value in tensors.items()})
        return out


class _Minimizer(torch.nn.Module):
    """Calls an architecture's `minimizer` under functional_call, which only knows forward."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self) -> dict[str, Tensor]:
        return self.model.minimizer()  # type: ignore[operator]


def _status(curve: tuple[tuple[int, float], ...]) -> Status:
    """`converged` when the mean training loss of the last tenth is within 1 % of the tenth before it."""
    tenth = len(curve) // 10
    if tenth == 0:
        return "budget"
    losses = np.array([value for _, value in curve])
    last, before = losses[-tenth:].mean(), losses[-2 * tenth : -tenth].mean()
    return "converged" if abs(last - before) <= CONVERGED_WITHIN * abs(before) else "budget"
