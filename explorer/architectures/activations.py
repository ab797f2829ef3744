"""Activations of a code, elementwise, and how a gradient passes the sign."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from explorer.axes import Axis, Choices, open_closed, positive


def straight_through_sign(u: Float[Tensor, "*size"], width: Tensor) -> Float[Tensor, "*size"]:
    """sign(u) forward, with sign(0) = +1; the derivative of tanh(u / width) backward.

    As tanh(a) = 2 σ(2a) − 1, whose derivative needs no second division or exponential; its value is taken away again.
    """
    smooth = 2 * torch.sigmoid(u * (2 / width))
    return torch.where(u < 0, -1.0, 1.0) + (smooth - smooth.detach())


def annealed_sign(u: Float[Tensor, "*size"], progress: Tensor, final_temperature: Tensor) -> Float[Tensor, "*size"]:
    """tanh(u / τ), τ = final_temperature^progress: from tanh(u) to nearly sign(u)."""
    return torch.tanh(u * torch.exp(-progress * final_temperature.log()))


def mean_of_noisy_sign(u: Float[Tensor, "*size"], width: Tensor) -> Float[Tensor, "*size"]:
    """E sign(u + width g), g ~ N(0, 1): erf(u / (√2 width))."""
    return torch.erf(u / (math.sqrt(2) * width))


SMOOTH: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "erf": torch.erf,
    "relu": torch.relu,
    "identity": lambda u: u,
}

ACTIVATIONS = ("sign", *SMOOTH)

SURROGATES = ("straight_through", "annealed", "noisy")


def surrogate_axes(
    allowed: tuple[str, ...] = SURROGATES, when: dict[str, tuple[float | int | str | bool, ...]] | None = None
) -> tuple[Axis, ...]:
    """The settings of an architecture with a code of signs: `surrogate`, `surrogate_width` and `final_temperature`."""
    given = when or {}
    widths = tuple(name for name in allowed if name != "annealed")
    return (
        Axis("surrogate", "str", Choices(allowed), "straight_through", role="shape", when=when, training=True,
             neutral="straight_through"),
        Axis("surrogate_width", "float", positive(), 0.2, when={**given, "surrogate": widths}, training=True),
        Axis("final_temperature", "float", open_closed(0, 1), 0.02, when={**given, "surrogate": ("annealed",)},
             training=True),
    )  # fmt: skip
