"""The linear autoencoder."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from explorer.architectures.base import Architecture, architectures
from explorer.architectures.encoders import REFIT, haar_rows
from explorer.axes import Axis


@architectures.register("linear")
class Linear(Architecture):
    """x̂ = A B x, B free (n × d), A free (d × n) or tied (A = Bᵀ).

    Its minimizers project on the top n principal directions, and lose the sum of the discarded eigenvalues of E xxᵀ over d: Baldi &
    Hornik, "Neural networks and principal component analysis", Neural Networks 2, 1989. No biases: sources are centred. Start:
    rows of a Haar rotation over √2, A = Bᵀ.
    """

    axes: ClassVar[tuple[Axis, ...]] = (Axis("tied", "bool", None, False, role="shape"), REFIT)
    smooth: ClassVar[bool] = True

    def __init__(self, dimension: int, code_dimension: int, tied: bool = False, refit: bool = False) -> None:
        super().__init__()
        del refit
        self.encoder = nn.Parameter(torch.zeros(code_dimension, dimension))
        self.decoder = None if tied else nn.Parameter(torch.zeros(dimension, code_dimension))

    def initialise(self, init: str, generator: torch.Generator) -> None:
        rows, columns = self.encoder.shape
        start = haar_rows(rows, columns, generator) / 2**0.5
        with torch.no_grad():
            self.encoder.copy_(start)
            if self.decoder is not None:
                self.decoder.copy_(start.T)

    def code(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample code"]:
        return x @ self.encoder.T

    def forward(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        return self.code(x) @ self._decoder().T

    def _decoder(self) -> Float[Tensor, "dim code"]:
        return self.encoder.T if self.decoder is None else self.decoder

    def minimizer(self) -> dict[str, Tensor]:
        return {"encoder": self.encoder.detach(), "decoder": self._decoder().detach()}
