"""A tile: the slots that one call of a program trains, with everything that is theirs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.func import stack_module_state

from explorer.cells import Cell
from explorer.training.optimizers import Moments, Parameters, initial_moments
from explorer.training.program import Program
from explorer.training.state import CellState


class Tile:
    """Cells in the slots of a program: parameters, buffers, moments, knobs and summed losses, stacked."""

    def __init__(self, program: Program, cells: Sequence[Cell], device: torch.device) -> None:
        self.program, self.device = program, device
        self.cells = list(cells)
        parameters, buffers = stack_module_state([program.start(cell) for cell in cells])  # type: ignore[arg-type]
        self.parameters = {k: v.detach().contiguous().to(device) for k, v in parameters.items()}
        self.buffers = {k: v.detach().contiguous().to(device) for k, v in buffers.items()}
        self.moments = initial_moments(str(program.shape["optimizer"]), self.parameters)
        self.loss_sum = torch.zeros(len(cells), device=device)
        self._set_knobs()
        if device.type == "cuda":
            from torch._dynamo import mark_static_address

            for value in (*self.weights.values(), *self.moments.values(), self.loss_sum):
                mark_static_address(value)

    def _set_knobs(self) -> None:
        self.knobs = self.program.knobs_of(self.cells, self.device)
        self.rates = np.array([float(cell.settings["learning_rate"]) for cell in self.cells])

    @property
    def weights(self) -> Parameters:
        """Parameters and buffers."""
        return {**self.parameters, **self.buffers}

    def weights_of(self, slot: int) -> Parameters:
        """A copy of one slot's parameters and buffers."""
        return {name: value[slot].clone() for name, value in self.weights.items()}

    def copied(self) -> tuple[Parameters, Moments, Tensor]:
        """Weights, moments and summed losses of all slots, copied to the CPU."""
        weights, moments = (
            {name: value.to("cpu", copy=True) for name, value in of.items()} for of in (self.weights, self.moments)
        )
        return weights, moments, self.loss_sum.to("cpu", copy=True)

    def restore(self, slot: int, state: CellState) -> None:
        """Put a slot's cell where its training was left. Raises ValueError where the state is of another model."""
        held, given = {**self.weights, **self.moments}, {**state.weights, **state.moments}
        if {name: value.shape[1:] for name, value in held.items()} != {n: value.shape for n, value in given.items()}:
            raise ValueError("its arrays have other names or shapes")
        for name, value in given.items():
            held[name][slot].copy_(value)
        self.loss_sum[slot] = state.loss_sum

    def begin(self, cells: dict[int, Cell]) -> None:
        """Start these cells in their slots."""
        for slot, cell in cells.items():
            self.cells[slot] = cell
            model = self.program.start(cell)
            held = self.weights
            for name, value in (*model.named_parameters(), *model.named_buffers()):
                held[name][slot].copy_(value.detach())
            for value in (*self.moments.values(), self.loss_sum):
                value[slot].zero_()
        self._set_knobs()

    def step(self, latents: Tensor, noises: Tensor, row: Tensor, controls: Tensor) -> None:
        """One step of every slot."""
        self.parameters, self.moments, self.loss_sum = self.program.step(
            self.parameters, self.buffers, self.moments, latents, noises, row, self.knobs, controls, self.loss_sum
        )
