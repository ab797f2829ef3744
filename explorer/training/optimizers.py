"""Optimizers with one learning rate per cell; every tensor's first axis is the cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Parameters = dict[str, Tensor]
Moments = dict[str, Tensor]
# Numbers of each cell that an update needs at a step, worked out on the host: a power in a compiled loop costs more than the loop.
Controls = dict[str, Float[np.ndarray, "*size"]]
Update = Callable[[Parameters, Parameters, Moments, dict[str, Tensor]], tuple[Parameters, Moments]]

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
MOMENTUM = 0.9


@dataclass(frozen=True)
class Optimizer:
    """`controls(rate, time)` gives each cell's `numbers` at a step, `time` counted from 1; `update` takes them, (cell,) each."""

    moments: tuple[str, ...]
    numbers: tuple[str, ...]
    controls: Callable[[np.ndarray, np.ndarray], Controls]
    update: Update


def _per_cell(value: Float[Tensor, " cell"], like: Tensor) -> Tensor:
    return value.reshape(-1, *(1,) * (like.dim() - 1))


def _adam_controls(rate: np.ndarray, time: np.ndarray) -> Controls:
    return {
        "rate": rate / (1 - BETA1**time),
        "second_scale": 1 / (1 - BETA2**time),
        # As tensors of cells, so that moments and parameters are updated in one loop.
        "first_weight": np.full_like(rate, 1 - BETA1),
        "second_weight": np.full_like(rate, 1 - BETA2),
    }


def _adam(
    parameters: Parameters, gradients: Parameters, moments: Moments, controls: dict[str, Tensor]
) -> tuple[Parameters, Moments]:
    """Adam with bias correction (Kingma & Ba 2015, algorithm 1)."""
    new, state = {}, {}
    for name, value in parameters.items():
        g = gradients[name]
        rate, scale, weight1, weight2 = (
            _per_cell(controls[c], g) for c in ("rate", "second_scale", "first_weight", "second_weight")
        )
        first, second = moments[f"{name}.first"], moments[f"{name}.second"]
        first = first + weight1 * (g - first)
        second = second + weight2 * (g * g - second)
        new[name] = value - rate * first / ((second * scale).sqrt() + EPSILON)
        state[f"{name}.first"], state[f"{name}.second"] = first, second
    return new, state


def _sgd_controls(rate: np.ndarray, time: np.ndarray) -> Controls:
    del time
    return {"rate": rate}


def _sgd(
    parameters: Parameters, gradients: Parameters, moments: Moments, controls: dict[str, Tensor]
) -> tuple[Parameters, Moments]:
    """Stochastic gradient descent with heavy-ball momentum 0.9."""
    state = {f"{n}.first": MOMENTUM * moments[f"{n}.first"] + gradients[n] for n in parameters}
    new = {n: value - _per_cell(controls["rate"], value) * state[f"{n}.first"] for n, value in parameters.items()}
    return new, state


OPTIMIZERS: dict[str, Optimizer] = {
    "adam": Optimizer(
        ("first", "second"), ("rate", "second_scale", "first_weight", "second_weight"), _adam_controls, _adam
    ),
    "sgd": Optimizer(("first",), ("rate",), _sgd_controls, _sgd),
}


def initial_moments(optimizer: str, parameters: Parameters) -> Moments:
    """Zeros for every moment that the optimizer keeps."""
    return {f"{n}.{m}": torch.zeros_like(v) for n, v in parameters.items() for m in OPTIMIZERS[optimizer].moments}
