"""Optimizers with one learning rate per cell; every tensor's first axis is the cell."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Parameters = dict[str, Tensor]
Moments = dict[str, Tensor]
Update = Callable[[Parameters, Parameters, Moments, Tensor, Tensor], tuple[Parameters, Moments]]

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
MOMENTUM = 0.9


def _per_cell(rate: Float[Tensor, " cell"], like: Tensor) -> Tensor:
    return rate.reshape(-1, *(1,) * (like.dim() - 1))


def adam(
    parameters: Parameters, gradients: Parameters, moments: Moments, rate: Tensor, time: Tensor
) -> tuple[Parameters, Moments]:
    """Adam with bias correction (Kingma & Ba 2015, algorithm 1); `time` counts from 1."""
    new, state = {}, {}
    correction1 = 1 - torch.pow(BETA1, time)
    correction2 = 1 - torch.pow(BETA2, time)
    for name, value in parameters.items():
        g = gradients[name]
        first = torch.lerp(moments[f"{name}.first"], g, 1 - BETA1)
        second = torch.lerp(moments[f"{name}.second"], g * g, 1 - BETA2)
        direction = (first / correction1) / ((second / correction2).sqrt() + EPSILON)
        new[name] = value - _per_cell(rate, value) * direction
        state[f"{name}.first"], state[f"{name}.second"] = first, second
    return new, state


def sgd(
    parameters: Parameters, gradients: Parameters, moments: Moments, rate: Tensor, time: Tensor
) -> tuple[Parameters, Moments]:
    """Stochastic gradient descent with heavy-ball momentum 0.9."""
    del time
    state = {f"{n}.first": MOMENTUM * moments[f"{n}.first"] + gradients[n] for n in parameters}
    new = {n: value - _per_cell(rate, value) * state[f"{n}.first"] for n, value in parameters.items()}
    return new, state


OPTIMIZERS: dict[str, tuple[Update, tuple[str, ...]]] = {
    "adam": (adam, ("first", "second")),
    "sgd": (sgd, ("first",)),
}


def initial_moments(optimizer: str, parameters: Parameters) -> Moments:
    """Zeros for every moment that the optimizer keeps."""
    return {f"{n}.{m}": torch.zeros_like(v) for n, v in parameters.items() for m in OPTIMIZERS[optimizer][1]}
