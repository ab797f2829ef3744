"""An autoencoder that undoes a corruption."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from explorer.architectures.activations import SMOOTH
from explorer.architectures.base import Architecture, architectures
from explorer.architectures.layers import normal
from explorer.axes import Axis, Choices, Interval, Value


@architectures.register("denoising")
class Denoising(Architecture):
    """x̂ = A σ(Bx̃ + b) + c reconstructs the clean x from the corrupted x̃, and that is the loss reported.

    Vincent et al., "Extracting and composing robust features with denoising autoencoders", ICML 2008. The `corruption` is
    gaussian, x̃ = x + s g, g ~ N(0, I), or masking, each coordinate set to 0 with probability s, s the `corruption_level`.
    With σ the identity there are no biases, and under Gaussian corruption AB at the minimum is V_n V_nᵀ Σ (Σ + s² I)⁻¹, V_n the
    top n eigenvectors of Σ = E x xᵀ. The code observed is that of the clean x. Start: B's rows uniform on the sphere, A = Bᵀ.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("activation", "str", Choices(("identity", "relu", "tanh")), "identity", role="shape"),
        Axis("corruption", "str", Choices(("gaussian", "masking")), "gaussian", role="shape"),
        Axis("corruption_level", "float", Interval(0, math.inf, high_closed=False), 0.5, training=True),
    )
    smooth: ClassVar[bool] = True

    def __init__(
        self, dimension: int, code_dimension: int, activation: str = "identity", corruption: str = "gaussian"
    ) -> None:
        super().__init__()
        self.activation, self.corruption = activation, corruption
        biased = activation != "identity"
        self.encoder = nn.Parameter(torch.zeros(code_dimension, dimension))
        self.decoder = nn.Parameter(torch.zeros(dimension, code_dimension))
        self.encoder_bias = nn.Parameter(torch.zeros(code_dimension)) if biased else None
        self.decoder_bias = nn.Parameter(torch.zeros(dimension)) if biased else None

    @classmethod
    def refusal(cls, settings: Mapping[str, Value]) -> tuple[str, str] | None:
        level = float(settings["corruption_level"])
        if settings["corruption"] == "masking" and level >= 1:
            return (
                "corruption_level",
                f"masking sets a coordinate to 0 with probability {level:g}; expected one in [0, 1)",
            )
        return None

    @property
    def noise_width(self) -> int:
        return self.encoder.shape[1]

    def initialise(self, init: str, generator: torch.Generator) -> None:
        del init
        start = torch.randn(self.encoder.shape, generator=generator)
        start = start / start.norm(dim=1, keepdim=True)
        with torch.no_grad():
            self.encoder.copy_(start)
            self.decoder.copy_(start.T)
            for bias in (self.encoder_bias, self.decoder_bias):
                if bias is not None:
                    bias.zero_()

    def corrupted(
        self, x: Float[Tensor, "sample dim"], noise: Float[Tensor, "sample dim"], level: Tensor
    ) -> Float[Tensor, "sample dim"]:
        """x̃, by one uniform for each coordinate."""
        if self.corruption == "gaussian":
            return x + level * normal(noise)
        return torch.where(noise < level, 0.0, x)

    def code(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample code"]:
        preactivation = x @ self.encoder.T
        if self.encoder_bias is not None:
            preactivation = preactivation + self.encoder_bias
        return SMOOTH[self.activation](preactivation)

    def forward(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        reconstruction = self.code(x) @ self.decoder.T
        return reconstruction if self.decoder_bias is None else reconstruction + self.decoder_bias

    def losses(
        self, x: Float[Tensor, "sample dim"], noise: Float[Tensor, "sample dim"], **knobs: Tensor
    ) -> Float[Tensor, " sample"]:
        return self.distortion(self(self.corrupted(x, noise, knobs["corruption_level"])), x)
