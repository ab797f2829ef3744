"""Training a pack: start, advance by slices, finish."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.func import stack_module_state

from explorer.axes import Value
from explorer.cells import Cell, Pack
from explorer.sources.base import Split
from explorer.training.draws import Purpose, uniforms, words
from explorer.training.optimizers import initial_moments
from explorer.training.program import PROBE_SAMPLES, compiler_available, program
from explorer.training.refit import least_squares
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
        self._tables: dict[Split, list[Tensor]] = {"training": self._made("training")}
        models = [self._start(cell) for cell in self.cells]
        parameters, buffers = stack_module_state(models)  # type: ignore[arg-type]
        self.parameters = {k: v.detach().contiguous().to(self.device) for k, v in parameters.items()}
        self.buffers = {k: v.detach().contiguous().to(self.device) for k, v in buffers.items()}
        self.moments = initial_moments(str(self.program.shape["optimizer"]), self.parameters)
        self.loss_sum = torch.zeros(pack.width, device=self.device)
        self._fixed = [self._fixed_set(i) for i in range(len(self._streams))]
        self._every = -(-self.steps // CURVE_POINTS)
        self._curve: list[tuple[int, np.ndarray]] = []

    def _start(self, cell: Cell) -> torch.nn.Module:
        model = self.program.build()
        generator = torch.Generator().manual_seed(int(cell.settings["seed"]))
        model.prepare(cell.settings)
        model.initialise(str(cell.settings["init"]), generator)
        return model

    def _settings(self, stream: Stream) -> dict[str, Value]:
        return {**self.program.shape, **dict(stream)}

    def _made(self, split: Split) -> list[Tensor]:
        """Each stream's table."""
        tables = [self.program.source.table(self._settings(stream), split) for stream in self._streams]
        return [torch.from_numpy(np.asarray(table, dtype=np.float32)).to(self.device) for table in tables]

    def _drawn(self, purpose: Purpose, step: int, samples: int, width: int) -> dict[int, Tensor]:
        """Words of each seed in the pack."""
        seeds = sorted({_seed(stream) for stream in self._streams})
        return {seed: words(seed, purpose, step, samples * width).to(self.device) for seed in seeds}

    def _padded(self, values: list[Tensor]) -> Tensor:
        """One value per stream, (stream, …), padded to the pack's number of streams."""
        return torch.stack([*values, *[values[0]] * (self.pack.streams - len(values))])

    def _latents(self, purpose: Purpose, step: int, samples: int, split: Split = "training") -> Tensor:
        """The latent draws of every stream, (stream, sample, layer, dim)."""
        fixed = [None] * len(self._streams) if split == "evaluation" else self._fixed
        if split not in self._tables:
            self._tables[split] = self._made(split)
        latent, drawn = self.program.latent(samples), {}
        if None in fixed:
            drawn = self._drawn(purpose, step, samples, self.program.source.width)
        values = []
        for i, stream in enumerate(self._streams):
            chosen = fixed[i]
            if chosen is None:
                values.append(latent(drawn[_seed(stream)], self._tables[split][i]))
            else:
                order = uniforms(words(_seed(stream), "order", step, samples), 1)[:, 0].to(self.device)
                values.append(chosen[(order * len(chosen)).long()])
        return self._padded(values)

    def _fixed_set(self, i: int) -> Tensor | None:
        """The training set of a stream with a fixed number of samples; the smaller of two is part of the larger."""
        stream = self._streams[i]
        samples = float(dict(stream)["samples"])
        if math.isinf(samples) or self.program.source.finite:
            return None
        width, chunks = self.program.source.width, range(-(-int(samples) // EVALUATION_CHUNK))
        latent = self.program.latent(EVALUATION_CHUNK)
        draws = (words(_seed(stream), "training", chunk, EVALUATION_CHUNK * width) for chunk in chunks)
        table = self._tables["training"][i]
        return torch.cat([latent(drawn.to(self.device), table) for drawn in draws])[: int(samples)]

    def _noises(self, purpose: Purpose, step: int, samples: int) -> Tensor:
        """The uniforms of every stream for the model itself, (stream, sample, width)."""
        width = self.program.model.noise_width
        if width == 0:
            return torch.zeros(self.pack.streams, samples, 0, device=self.device)
        drawn = {seed: uniforms(bits, width) for seed, bits in self._drawn(purpose, step, samples, width).items()}
        return self._padded([drawn[_seed(stream)] for stream in self._streams])

    def advance(self, steps: int) -> None:
        """Train for at most `steps` more steps."""
        begin = time.perf_counter()
        for _ in range(min(steps, self.steps - self.done)):
            latents = self._latents("training", self.done, self.program.batch)
            noises = self._noises("noise", self.done, self.program.batch)
            rate = torch.tensor(factor(self.schedule, self.done, self.steps), device=self.device)
            time_now = torch.tensor(float(self.done + 1), device=self.device)
            progress = torch.tensor(self.done / self.steps, device=self.device)
            self.parameters, self.moments, self.loss_sum = self.program.step(
                self.parameters, self.buffers, self.moments, latents, noises, self.stream, self.knobs, rate, time_now,
                progress, self.loss_sum,
            )  # fmt: skip
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
        with torch.no_grad():
            if self.program.shape.get("refit"):
                self._refit()
            mean, error = self._evaluate()
            probes = self._probe()
            minimizers = self._minimizers()
        self.seconds += time.perf_counter() - begin
        share = self.seconds / len(self.pack.cells)
        return [
            self._result(i, cell, float(mean[i]), float(error[i]), minimizers[i], probes[i], share)
            for i, cell in enumerate(self.pack.cells)
        ]

    def _result(
        self,
        i: int,
        cell: Cell,
        loss: float,
        error: float,
        minimizer: dict[str, np.ndarray],
        probe: dict[str, np.ndarray],
        seconds: float,
    ) -> CellResult:
        curve = tuple((step, float(losses[i])) for step, losses in self._curve)
        finite = all(np.isfinite(value).all() for value in minimizer.values())
        if self.diverged[i] or not finite or not loss <= DIVERGED_ABOVE:
            last = next((step for step, value in curve if not value <= DIVERGED_ABOVE), self.steps)
            return CellResult(cell, "diverged", last, seconds, curve=curve, pack_width=self.pack.width)
        return CellResult(
            cell, _status(curve), self.steps, seconds, loss, error, None, curve, minimizer, self.pack.width,
            _objective(curve), probe,
        )  # fmt: skip

    @property
    def _weights(self) -> dict[str, Tensor]:
        return {**self.parameters, **self.buffers}

    def _chunks(self) -> list[tuple[int, int]]:
        """The evaluation in chunks: (index, samples)."""
        total = int(self.program.shape["evaluation_samples"])
        return [(i, min(EVALUATION_CHUNK, total - b)) for i, b in enumerate(range(0, total, EVALUATION_CHUNK))]

    def _refit(self) -> None:
        """The decoder by least squares on as many training samples as are evaluated."""

        def chunk(i: int, samples: int) -> tuple[Tensor, Tensor]:
            latents = self._latents("refit", i, samples)
            return self.program.code(self._weights, latents, self.stream, self.knobs)

        decoder = least_squares(functools.partial(chunk, *each) for each in self._chunks())
        self.parameters["decoder"] = decoder.contiguous()

    def _evaluate(self) -> tuple[np.ndarray, np.ndarray]:
        total = int(self.program.shape["evaluation_samples"])
        sums = torch.zeros(2, self.pack.width, dtype=torch.float64, device=self.device)
        for chunk, samples in self._chunks():
            latents = self._latents("evaluation", chunk, samples, "evaluation")
            noises = self._noises("evaluation noise", chunk, samples)
            losses = self.program.losses(self._weights, latents, noises, self.stream, self.knobs).double()
            sums += torch.stack([losses.sum(dim=1), losses.square().sum(dim=1)])
        mean = sums[0] / total
        variance = (sums[1] / total - mean.square()).clamp(min=0) * (total / (total - 1))
        return mean.cpu().numpy(), (variance / total).sqrt().cpu().numpy()

    def _probe(self) -> list[dict[str, np.ndarray]]:
        """What observables see of each of the pack's cells, beside its minimizer."""
        parts: dict[str, list[np.ndarray]] = {}
        for chunk, samples in self._chunks():
            if chunk * EVALUATION_CHUNK >= PROBE_SAMPLES:
                break
            latents = self._latents("evaluation", chunk, samples, "evaluation")
            noises = self._noises("evaluation noise", chunk, samples)
            seen = self.program.probe(self._weights, latents, noises, self.stream, self.knobs)
            for name, value in seen.items():
                parts.setdefault(name, []).append(value.cpu().numpy())
        whole = {name: np.concatenate(values, axis=1) for name, values in parts.items()}
        known: dict[object, Mapping[str, np.ndarray]] = {}
        for cell in self.pack.cells:
            if self._law(cell) not in known:
                known[self._law(cell)] = self.program.source.reference(cell.settings)
        return [
            {**{n: v[i] for n, v in whole.items()}, **known[self._law(cell)]} for i, cell in enumerate(self.pack.cells)
        ]

    def _law(self, cell: Cell) -> object:
        """What cells with one law of x have in common."""
        return cell.stream, tuple(cell.settings.get(name) for name in self.program.source_knobs)

    def _minimizers(self) -> list[dict[str, np.ndarray]]:
        out = []
        bits = self.knobs.get("weight_bits")
        for i in range(len(self.pack.cells)):
            given = {} if bits is None else {"weight_bits": bits[i]}
            tensors = self.program.call("minimizer", {k: v[i] for k, v in self._weights.items()}, **given)
            out.append({name: value.cpu().numpy().copy() for name, value in tensors.items()})
        return out


Stream = tuple[tuple[str, Value], ...]


def _seed(stream: Stream) -> int:
    return int(dict(stream)["seed"])


def _tenth(curve: tuple[tuple[int, float], ...]) -> int:
    return len(curve) // 10


def _objective(curve: tuple[tuple[int, float], ...]) -> float | None:
    """The mean training objective over the last tenth of the steps, or over all of a short training."""
    last = [value for _, value in curve[-max(1, _tenth(curve)) :]]
    return float(np.mean(last)) if last else None


def _status(curve: tuple[tuple[int, float], ...]) -> Status:
    """`converged` when the mean training loss of the last tenth is within 1 % of the tenth before it."""
    tenth = _tenth(curve)
    if tenth == 0:
        return "budget"
    losses = np.array([value for _, value in curve])
    last, before = losses[-tenth:].mean(), losses[-2 * tenth : -tenth].mean()
    return "converged" if abs(last - before) <= CONVERGED_WITHIN * abs(before) else "budget"
