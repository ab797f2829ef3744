"""What is said of trained cells: loss on fresh data, samples for observables, minimizers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.cells import Cell
from explorer.training.data import Data
from explorer.training.optimizers import Parameters
from explorer.training.program import EVALUATION_CHUNK, PROBE_SAMPLES, Program
from explorer.training.refit import least_squares
from explorer.training.size import evaluated_together

Seen = tuple[float, float, dict[str, np.ndarray], dict[str, np.ndarray]]


class Evaluation:
    """Trained cells of one program, as many as it has slots, with their stacked parameters and buffers."""

    def __init__(
        self, program: Program, data: Data, cells: Sequence[Cell], weights: Parameters, knobs: dict[str, Tensor]
    ) -> None:
        self.program, self.data, self.cells = program, data, cells
        self.weights, self.knobs = weights, knobs
        self.streams = [cell.stream for cell in cells]
        self.together = evaluated_together(program.shape, len(cells), data.device.type != "cpu")

    @torch.no_grad()
    def results(self, count: int) -> list[Seen]:
        """Of each of the first `count` cells: loss, its Monte-Carlo standard error, minimizer, probe."""
        if self.program.shape.get("refit"):
            self._refit(count)
        mean, error = self._losses(count)
        probes, minimizers = self._probes(count), self._minimizers(count)
        return [(float(mean[i]), float(error[i]), minimizers[i], probes[i]) for i in range(count)]

    def _chunks(self) -> list[tuple[int, int]]:
        """The evaluation in chunks: (index, samples)."""
        total = int(self.program.shape["evaluation_samples"])
        return [(i, min(EVALUATION_CHUNK, total - b)) for i, b in enumerate(range(0, total, EVALUATION_CHUNK))]

    def _groups(self, count: int) -> Iterator[slice]:
        """The first `count` cells, a few at a time; groups are of one size, so that all cells have the same operations."""
        for begin in range(0, count, self.together):
            first = min(begin, len(self.cells) - self.together)
            yield slice(first, first + self.together)

    def _of(self, group: slice, evaluate: Callable[..., Any], *draws: Tensor) -> Any:
        """What a function of the program says of a group; the last of the draws is the row of each cell."""
        weights, knobs = ({name: value[group] for name, value in of.items()} for of in (self.weights, self.knobs))
        return evaluate(weights, *draws[:-1], draws[-1][group], knobs)

    def _refit(self, count: int) -> None:
        """The decoder by least squares on as many training samples as are evaluated."""

        def chunk(group: slice, i: int, samples: int) -> tuple[Tensor, Tensor]:
            latents, _, row = self.data.chunk(self.streams, "refit", i, samples)
            return self._of(group, self.program.code, latents, row)

        decoders = self.weights["decoder"].clone()
        for group in self._groups(count):
            decoders[group] = least_squares(functools.partial(chunk, group, *each) for each in self._chunks())
        self.weights["decoder"] = decoders

    def _summed_losses(self, count: int, index: int, samples: int) -> Tensor:
        """The losses on a chunk, summed, and their squares, (2, cell): of all cells at once where that is compiled."""
        seen = self.data.chunk(self.streams, "evaluation", index, samples, "evaluation")
        summed = self.program.summed_losses(samples)
        if self.program.compiled_evaluation and samples == EVALUATION_CHUNK:
            return summed(self.weights, *seen, self.knobs)
        sums = torch.zeros(2, len(self.cells), dtype=torch.float64, device=self.data.device)
        for group in self._groups(count):
            sums[:, group] = self._of(group, summed, *seen)
        return sums

    def _losses(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        total = int(self.program.shape["evaluation_samples"])
        sums = torch.zeros(2, len(self.cells), dtype=torch.float64, device=self.data.device)
        for index, samples in self._chunks():
            sums += self._summed_losses(count, index, samples)
        mean = sums[0] / total
        variance = (sums[1] / total - mean.square()).clamp(min=0) * (total / (total - 1))
        return mean.cpu().numpy(), (variance / total).sqrt().cpu().numpy()

    def _probes(self, count: int) -> list[dict[str, np.ndarray]]:
        """What observables see of each cell, beside its minimizer."""
        whole = self._probed(count)
        known: dict[object, Mapping[str, np.ndarray]] = {}
        for cell in self.cells[:count]:
            if self._law(cell) not in known:
                known[self._law(cell)] = self.program.source.reference(cell.settings)
        return [
            {**{n: v[i] for n, v in whole.items()}, **known[self._law(cell)]}
            for i, cell in enumerate(self.cells[:count])
        ]

    def _probed(self, count: int) -> dict[str, np.ndarray]:
        """The model's probe of all cells, (cell, sample, column)."""
        chunks = [(i, samples) for i, samples in self._chunks() if i * EVALUATION_CHUNK < PROBE_SAMPLES]
        whole: dict[str, np.ndarray] = {}
        rows: dict[str, int] = {}
        for index, samples in chunks:
            chunk = self.data.chunk(self.streams, "evaluation", index, samples, "evaluation")
            for group in self._groups(count):
                for name, value in self._of(group, self.program.probe, *chunk).items():
                    part = value.cpu().numpy()
                    if name not in whole:
                        size = (len(self.cells), len(chunks) * part.shape[1], part.shape[2])
                        whole[name] = np.empty(size, part.dtype)
                    begin = index * (whole[name].shape[1] // len(chunks))
                    rows[name] = begin + part.shape[1]
                    whole[name][group, begin : rows[name]] = part
        return {name: value[:, : rows[name]] for name, value in whole.items()}

    def _law(self, cell: Cell) -> object:
        """What cells with one law of x have in common."""
        return cell.stream, tuple(cell.settings.get(name) for name in self.program.source_knobs)

    def _minimizers(self, count: int) -> list[dict[str, np.ndarray]]:
        out = []
        bits = self.knobs.get("weight_bits")
        for i in range(count):
            given = {} if bits is None else {"weight_bits": bits[i]}
            tensors = self.program.call("minimizer", {k: v[i] for k, v in self.weights.items()}, **given)
            out.append({name: value.cpu().numpy().copy() for name, value in tensors.items()})
        return out
