"""A convolutional autoencoder of square images."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from explorer.architectures.base import Architecture, architectures
from explorer.architectures.layers import HIDDEN_ACTIVATIONS, NONLINEAR, Affine, gain, widths
from explorer.axes import CHANNELS, Axis, Choices, Pattern, Value

KERNEL, STRIDE, PADDING = 4, 2, 1

FEATURES = Axis(
    "features", "str", Pattern(r"[1-9]\d{0,3}(?:-[1-9]\d{0,3}){0,7}", 'numbers of channels such as "16-32"'), "16-32",
    role="shape",
)  # fmt: skip


class Stage(nn.Module):
    """A 4 × 4 convolution that halves the side (stride 2, padding 1), or its transpose that doubles it; with bias."""

    def __init__(self, inputs: int, outputs: int, transposed: bool) -> None:
        super().__init__()
        self.transposed = transposed
        channels = (inputs, outputs) if transposed else (outputs, inputs)
        self.weight = nn.Parameter(torch.zeros(*channels, KERNEL, KERNEL))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Float[Tensor, "sample in side side"]) -> Float[Tensor, "sample out side2 side2"]:
        convolve = functional.conv_transpose2d if self.transposed else functional.conv2d
        return convolve(x, self.weight, self.bias, stride=STRIDE, padding=PADDING)

    def start(self, activation: str, generator: torch.Generator) -> None:
        """Gaussian weights of the standard deviation `gain`, biases 0; each output of the transpose sums over 2 × 2 of the kernel."""
        per_channel = {True: (KERNEL // STRIDE) ** 2, False: KERNEL**2}
        first, second = self.weight.shape[:2]
        inputs, outputs = (first, second) if self.transposed else (second, first)
        deviation = gain(activation, inputs * per_channel[self.transposed], outputs * per_channel[not self.transposed])
        with torch.no_grad():
            self.weight.copy_(torch.randn(self.weight.shape, generator=generator) * deviation)
            self.bias.zero_()


@architectures.register("convolutional")
class Convolutional(Architecture):
    """Strided convolutions to a linear map to the code; a linear map and transposed convolutions back.

    x is (sample, C·H·W), channel first, H = W. Each number in `features` is the output channels of one stage that halves the side
    (4 × 4 kernels, stride 2, padding 1); σ = `activation` after each. The decoder mirrors the encoder; code and output are linear.
    Start: weights as in `layers.gain`, biases 0.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        CHANNELS,
        FEATURES,
        Axis("activation", "str", Choices(NONLINEAR), "relu", role="shape"),
    )
    smooth: ClassVar[bool] = True

    def __init__(
        self, dimension: int, code_dimension: int, channels: int = 1, features: str = "16-32", activation: str = "relu"
    ) -> None:
        super().__init__()
        self.activation = activation
        self.channels = [channels, *widths(features)]
        self.side = math.isqrt(dimension // channels)
        self.last = self.side // STRIDE ** (len(self.channels) - 1)
        pairs = list(itertools.pairwise(self.channels))
        flat = self.channels[-1] * self.last**2
        self.down = nn.ModuleList(Stage(a, b, transposed=False) for a, b in pairs)
        self.to_code = Affine(flat, code_dimension)
        self.from_code = Affine(code_dimension, flat)
        self.up = nn.ModuleList(Stage(b, a, transposed=True) for a, b in reversed(pairs))

    @classmethod
    def refusal(cls, settings: Mapping[str, Value]) -> tuple[str, str] | None:
        dimension, channels = int(settings["dimension"]), int(settings["channels"])
        side = math.isqrt(dimension // channels)
        if channels * side**2 != dimension:
            squares = [channels * max(1, side) ** 2, channels * (side + 1) ** 2]
            return "dimension", (
                f"{dimension} is not channels × side × side with channels: {channels}; "
                f"expected square images, such as {squares[0]} or {squares[1]}"
            )
        stages = len(widths(str(settings["features"])))
        if side % STRIDE**stages:
            most = (side & -side).bit_length() - 1
            able = f"at most {most} numbers" if most else "an even side"
            return "features", (
                f"{stages} stages halve the side {stages} times, and {side} is not divisible by {STRIDE**stages}; "
                f"expected {able}, or another dimension"
            )
        return None

    @property
    def activations(self) -> int:
        maps = sum(c * (self.side // STRIDE**i) ** 2 for i, c in enumerate(self.channels))
        return 6 * (2 * maps + self.to_code.weight.shape[0])

    def initialise(self, init: str, generator: torch.Generator) -> None:
        del init
        stages: list[tuple[nn.Module, str]] = [
            *((stage, self.activation) for stage in self.down),
            (self.to_code, "identity"),
            (self.from_code, self.activation),
            *((stage, self.activation) for stage in self.up[:-1]),
            (self.up[-1], "identity"),
        ]
        for stage, activation in stages:
            assert isinstance(stage, Stage | Affine)
            stage.start(activation, generator)

    def code(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample code"]:
        act = HIDDEN_ACTIVATIONS[self.activation]
        image = x.reshape(-1, self.channels[0], self.side, self.side)
        for stage in self.down:
            image = act(stage(image))
        return self.to_code(image.flatten(start_dim=1))

    def forward(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        act = HIDDEN_ACTIVATIONS[self.activation]
        image = self.from_code(self.code(x, **knobs)).reshape(-1, self.channels[-1], self.last, self.last)
        for stage in self.up:
            image = stage(act(image))
        return image.flatten(start_dim=1)
