"""A weight-tied ReLU autoencoder that learns the atoms of sparse data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from explorer.architectures.base import Architecture, architectures
from explorer.architectures.encoders import unit_rows
from explorer.axes import Axis, Interval, Value
from explorer.objectives import l1

THRESHOLD = 0.1


@architectures.register("sparse_coding")
class SparseCoding(Architecture):
    """x̂ = Wᵀ relu(Wx − b), W an n × d matrix with unit-norm rows, n/d up to 4 and more, one threshold in b for each unit.

    For data x = D c, D a d × k matrix of unit atoms and c ≥ 0 sparse, W = Dᵀ is nearly critical: Rangamani et al. 2017 (arXiv
    1708.03735); tied weights of random nets: Arora et al. 2015 (arXiv 1511.05653). There b is given, here it is trained, and
    `penalty_weight` times ‖z‖₁/n, in what is minimised but not in the loss reported, keeps it up: without a penalty rows in pairs
    ±w with b = 0 lose nothing for n ≥ 2d, as relu(u) − relu(−u) = u, and the atoms are not found. Start: rows uniform on the
    sphere, b = 0.1.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("penalty_weight", "float", Interval(0, math.inf, high_closed=False), 1.0, training=True),
    )
    smooth: ClassVar[bool] = True

    def __init__(self, dimension: int, code_dimension: int) -> None:
        super().__init__()
        self.encoder = nn.Parameter(torch.zeros(code_dimension, dimension))
        self.threshold = nn.Parameter(torch.zeros(code_dimension))

    @classmethod
    def refusal(cls, settings: Mapping[str, Value]) -> tuple[str, str] | None:
        if settings["distortion"] != "squared_error":
            return "distortion", "x itself is a sum of atoms, not its logits; expected squared_error"
        return None

    def initialise(self, init: str, generator: torch.Generator) -> None:
        del init
        with torch.no_grad():
            self.encoder.copy_(unit_rows(torch.randn(self.encoder.shape, generator=generator)))
            self.threshold.fill_(THRESHOLD)

    def code(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample code"]:
        return torch.relu(x @ self.encoder.T - self.threshold)

    def forward(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        return self.code(x) @ self.encoder

    def objective(
        self, x: Float[Tensor, "sample dim"], noise: Tensor, progress: Tensor, **knobs: Tensor
    ) -> Float[Tensor, ""]:
        code = self.code(x)
        return self.distortion(code @ self.encoder, x).mean() + knobs["penalty_weight"] * l1(code).mean()

    def constrain(self, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        return {**parameters, "encoder": unit_rows(parameters["encoder"])}

    def minimizer(self) -> dict[str, Tensor]:
        encoder = self.encoder.detach()
        return {"encoder": encoder, "decoder": encoder.T, "threshold": self.threshold.detach()}
