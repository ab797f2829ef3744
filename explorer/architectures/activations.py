"""Activations of a code, elementwise."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def straight_through_sign(u: Float[Tensor, "*size"], width: Tensor) -> Float[Tensor, "*size"]:
    """sign(u) forward, with sign(0) = +1; the derivative of tanh(u / width) backward."""
    soft = torch.tanh(u / width)
    hard = torch.where(u < 0, -1.0, 1.0)
    return soft + (hard - soft).detach()


SMOOTH: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "erf": torch.erf,
    "relu": torch.relu,
    "identity": lambda u: u,
}

ACTIVATIONS = ("sign", *SMOOTH)
