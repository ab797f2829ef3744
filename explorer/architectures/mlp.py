"""A deep autoencoder: an hourglass of fully connected layers."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from explorer.architectures.base import Architecture, architectures
from explorer.architectures.layers import Layers, hidden_activation_axis, hidden_axis, matrices, widths
from explorer.axes import Axis


@architectures.register("mlp")
class MLP(Architecture):
    """Encoder d–h₁–…–h_L–n, decoder n–h_L–…–h₁–d, `hidden` the widths h, σ on the hidden layers, code and output linear.

    Hinton & Salakhutdinov, Science 313, 504 (2006). Biases everywhere. Without hidden layers the code is linear, and its best
    loss that of principal components. Start: weights as in `layers.gain`, biases 0.
    """

    axes: ClassVar[tuple[Axis, ...]] = (hidden_axis("64"), hidden_activation_axis())
    smooth: ClassVar[bool] = True

    def __init__(self, dimension: int, code_dimension: int, hidden: str = "64", activation: str = "relu") -> None:
        super().__init__()
        sizes = [dimension, *widths(hidden), code_dimension]
        self.encoder = Layers(sizes, activation)
        self.decoder = Layers(sizes[::-1], activation)

    def initialise(self, init: str, generator: torch.Generator) -> None:
        del init
        self.encoder.start(generator)
        self.decoder.start(generator)

    def code(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample code"]:
        return self.encoder(x)

    def forward(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        return self.decoder(self.encoder(x))

    def minimizer(self) -> dict[str, Tensor]:
        return matrices(self, self.encoder, self.decoder)
