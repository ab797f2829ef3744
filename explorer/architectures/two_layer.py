"""The two-layer autoencoder of both papers."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from explorer.architectures.activations import ACTIVATIONS, SMOOTH, straight_through_sign
from explorer.architectures.base import Architecture, architectures
from explorer.axes import Axis, Choices, positive


@architectures.register("two_layer")
class TwoLayer(Architecture):
    """x̂ = A σ(Bx), B an n × d matrix with unit-norm rows, A free (d × n) or tied (A = a Bᵀ, a a scalar).

    Shevchenko et al. 2023 (arXiv 2212.13468), equation (1.1); Kögler et al. 2024 (arXiv 2402.05013).
    Starts: `random`, rows uniform on the sphere; `identity`, row i is the unit vector of coordinate i mod d, so
    that for n > d some coordinates are read twice. The decoder starts at Bᵀ in both.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("activation", "str", Choices(ACTIVATIONS), "sign", role="shape"),
        Axis("tied", "bool", None, False, role="shape"),
        Axis("surrogate_width", "float", positive(), 0.2, when={"activation": ("sign",)}, training=True),
    )
    inits: ClassVar[tuple[str, ...]] = ("random", "identity")

    def __init__(self, dimension: int, code_dimension: int, activation: str = "sign", tied: bool = False) -> None:
        super().__init__()
        self.activation = activation
        self.encoder = nn.Parameter(torch.zeros(code_dimension, dimension))
        self.scale = nn.Parameter(torch.ones(())) if tied else None
        self.decoder = None if tied else nn.Parameter(torch.zeros(dimension, code_dimension))

    def initialise(self, init: str, generator: torch.Generator) -> None:
        rows, columns = self.encoder.shape
        if init == "identity":
            start = torch.eye(columns)[torch.arange(rows) % columns]
        else:
            start = torch.randn(rows, columns, generator=generator)
            start = start / start.norm(dim=1, keepdim=True)
        with torch.no_grad():
            self.encoder.copy_(start)
            if self.decoder is not None:
                self.decoder.copy_(start.T)

    def forward(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        preactivation = x @ self.encoder.T
        if self.activation == "sign":
            code = straight_through_sign(preactivation, knobs["surrogate_width"])
        else:
            code = SMOOTH[self.activation](preactivation)
        return code @ self._decoder().T

    def _decoder(self) -> Float[Tensor, "dim code"]:
        if self.decoder is not None:
            return self.decoder
        assert self.scale is not None
        return self.encoder.T * self.scale

    @staticmethod
    def constrain(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        encoder = parameters["encoder"]
        return {**parameters, "encoder": encoder / encoder.norm(dim=1, keepdim=True)}

    def minimizer(self) -> dict[str, Tensor]:
        return {"encoder": self.encoder.detach(), "decoder": self._decoder().detach()}
