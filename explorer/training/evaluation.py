"""What is said of trained cells: loss on fresh data, samples for observables, minimizers."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from explorer.cells import Cell
from explorer.training.data import Data
from explorer.training.optimizers import Parameters
from explorer.training.program import PROBE_SAMPLES, Program
from explorer.training.refit import least_squares
from explorer.training.size import EVALUATION_CHUNK

Seen = tuple[float, float, dict[str, np.ndarray], dict[str, np.ndarray]]


class Evaluation:
    """Trained cells of one program, as many as it has slots, with their stacked parameters and buffers."""

    def __init__(
        self, program: Program, data: Data, cells: Sequence[Cell], weights: Parameters, knobs: dict[str, Tensor]
    ) -> None:
        self.program, self.data, self.cells = program, data, cells
        self.weights, self.knobs = weights, knobs
        self.streams = [cell.stream for cell in cells]

    @torch.no_grad()
    def results(self, count: int) -> list[Seen]:
        """Of each of the first `count` cells: loss, its Monte-Carlo standard error, minimizer, probe."""
        if self.program.shape.get("refit"):
            self._refit()
        mean, error = self._losses()
        probes, minimizers = self._probes(count), self._minimizers(count)
        return [(float(mean[i]), float(error[i]), minimizers[i], probes[i]) for i in range(count)]

    def _chunks(self) -> list[tuple[int, int]]:
        """The evaluation in chunks: (index, samples)."""
        total = int(self.program.shape["evaluation_samples"])
        return [(i, min(EVALUATION_CHUNK, total - b)) for i, b in enumerate(range(0, total, EVALUATION_CHUNK))]

    def _refit(self) -> None:
        """The decoder by least squares on as many training samples as are evaluated."""

        def chunk(i: int, samples: int) -> tuple[Tensor, Tensor]:
            latents, _, row = self.data.chunk(self.streams, "refit", i, samples)
            return self.program.code(self.weights, latents, row, self.knobs)

        decoder = least_squares(functools.partial(chunk, *each) for each in self._chunks())
        self.weights["decoder"] = decoder.contiguous()

    def _losses(self) -> tuple[np.ndarray, np.ndarray]:
        total = int(self.program.shape["evaluation_samples"])
        sums = torch.zeros(2, len(self.cells), dtype=torch.float64, device=self.data.device)
        for index, samples in self._chunks():
            seen = self.data.chunk(self.streams, "evaluation", index, samples, "evaluation")
            losses = self.program.losses(self.weights, *seen, self.knobs).double()
            sums += torch.stack([losses.sum(dim=1), losses.square().sum(dim=1)])
        mean = sums[0] / total
        variance = (sums[1] / total - mean.square()).clamp(min=0) * (total / (total - 1))
        return mean.cpu().numpy(), (variance / total).sqrt().cpu().numpy()

    def _probes(self, count: int) -> list[dict[str, np.ndarray]]:
        """What observables see of each cell, beside its minimizer."""
        parts: dict[str, list[np.ndarray]] = {}
        for index, samples in self._chunks():
            if index * EVALUATION_CHUNK >= PROBE_SAMPLES:
                break
            chunk = self.data.chunk(self.streams, "evaluation", index, samples, "evaluation")
            for name, value in self.program.probe(self.weights, *chunk, self.knobs).items():
                parts.setdefault(name, []).append(value.cpu().numpy())
        whole = {name: np.concatenate(values, axis=1) for name, values in parts.items()}
        known: dict[object, Mapping[str, np.ndarray]] = {}
        for cell in self.cells[:count]:
            if self._law(cell) not in known:
                known[self._law(cell)] = self.program.source.reference(cell.settings)
        return [
            {**{n: v[i] for n, v in whole.items()}, **known[self._law(cell)]}
            for i, cell in enumerate(self.cells[:count])
        ]

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
