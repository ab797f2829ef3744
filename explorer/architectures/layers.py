"""Fully connected layers of hidden units: their widths, their activations, where they start."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from explorer.axes import Axis, Choices, Pattern, Value

HIDDEN_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "elu": functional.elu,
    "sigmoid": torch.sigmoid,
    "identity": lambda u: u,
}

# σ'(u), that of relu 0 at u = 0.
DERIVATIVES: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": lambda u: torch.where(u > 0, 1.0, 0.0),
    "tanh": lambda u: 1 - torch.tanh(u).square(),
    "gelu": lambda u: torch.special.ndtr(u) + u * torch.exp(-u.square() / 2) / math.sqrt(2 * math.pi),
    "elu": lambda u: torch.exp(u.clamp(max=0)),
    "sigmoid": lambda u: torch.sigmoid(u) * torch.sigmoid(-u),
    "identity": torch.ones_like,
}

NONLINEAR = tuple(name for name in HIDDEN_ACTIVATIONS if name != "identity")
# Those that are about linear on one side of 0 and flat on the other.
RECTIFIERS = ("relu", "gelu", "elu")


class _AnyLayers(tuple[Value, ...]):
    """Every text but the empty one; as a tuple, an example."""

    def __contains__(self, value: object) -> bool:
        return bool(value)


def hidden_axis(default: str) -> Axis:
    """The setting `hidden`: widths from the input to the code, such as `256-64-16`, none where it is empty."""
    widths = Pattern(r"(?:[1-9]\d{0,4}(?:-[1-9]\d{0,4}){0,15})?", 'hidden widths such as "256-64-16", or ""')
    return Axis("hidden", "str", widths, default, role="shape")


def hidden_activation_axis(default: str = "relu") -> Axis:
    """The setting `activation` of hidden layers, where there are some."""
    when = {"hidden": _AnyLayers(("64",))}
    return Axis("activation", "str", Choices(NONLINEAR), default, role="shape", when=when)


def widths(hidden: str) -> list[int]:
    """The numbers of a text such as `256-64-16`."""
    return [int(width) for width in hidden.split("-")] if hidden else []


def gain(activation: str, fan_in: int, fan_out: int) -> float:
    """Standard deviation of a layer's weights before an activation.

    √(2/fan_in) before a rectifier: He et al. 2015 (arXiv 1502.01852); √(2/(fan_in + fan_out)) elsewhere: Glorot & Bengio 2010.
    """
    return math.sqrt(2 / fan_in) if activation in RECTIFIERS else math.sqrt(2 / (fan_in + fan_out))


def normal(uniforms: Float[Tensor, "*size"]) -> Float[Tensor, "*size"]:
    """Uniforms on (0, 1) to N(0, 1): √2 erf⁻¹(2u − 1)."""
    return math.sqrt(2) * torch.erfinv(2 * uniforms - 1)


class Affine(nn.Module):
    """Wx + b, W (out × in)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Float[Tensor, "sample in"]) -> Float[Tensor, "sample out"]:
        return x @ self.weight.T + self.bias

    def start(self, activation: str, generator: torch.Generator) -> None:
        """Gaussian weights of the standard deviation `gain`, biases 0."""
        outputs, inputs = self.weight.shape
        with torch.no_grad():
            self.weight.copy_(torch.randn(outputs, inputs, generator=generator) * gain(activation, inputs, outputs))
            self.bias.zero_()


class Layers(nn.Module):
    """Affine maps from widths[0] to widths[-1] with σ between them; the last is linear."""

    def __init__(self, sizes: Sequence[int], activation: str) -> None:
        super().__init__()
        self.activation = activation
        self.maps = nn.ModuleList(Affine(a, b) for a, b in itertools.pairwise(sizes))

    def forward(self, x: Float[Tensor, "sample in"]) -> Float[Tensor, "sample out"]:
        for i, each in enumerate(self.maps):
            x = each(x if i == 0 else HIDDEN_ACTIVATIONS[self.activation](x))
        return x

    def start(self, generator: torch.Generator) -> None:
        """Every map at its start, in order."""
        for i, each in enumerate(self.maps):
            assert isinstance(each, Affine)
            each.start(self.activation if i < len(self.maps) - 1 else "identity", generator)


def matrices(module: nn.Module, encoder: Layers, decoder: Layers) -> dict[str, Tensor]:
    """All parameters by name; the weights of an encoder and a decoder of one map each as `encoder` and `decoder`."""
    linear = len(encoder.maps) == len(decoder.maps) == 1
    names = {"encoder.maps.0.weight": "encoder", "decoder.maps.0.weight": "decoder"} if linear else {}
    return {names.get(name, name): value.detach() for name, value in module.named_parameters()}
