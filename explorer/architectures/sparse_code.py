"""One hidden layer whose code is kept sparse by a penalty."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from explorer.architectures.base import Architecture, architectures
from explorer.architectures.encoders import unit_rows
from explorer.axes import Axis, Choices, Interval
from explorer.objectives import kl_to_target, l1


@architectures.register("sparse_code")
class SparseCode(Architecture):
    """x̂ = A z + c, and the loss per coordinate plus `penalty_weight` times a penalty per code unit is minimised.

    penalty: l1: z = relu(Wx + b), ‖z‖₁/n; A's columns have unit norm, so that a small z with a large A is no way out.
    penalty: kl: z = sigmoid(Wx + b), (1/n) Σ_j KL(Bernoulli(`target`) ‖ Bernoulli(mean of z_j over the batch)), A free: Ng,
    "Sparse autoencoder", CS294A lecture notes, 2011. The loss that is reported is without the penalty.
    Start: W's rows uniform on the sphere, A = Wᵀ, b = c = 0.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("penalty", "str", Choices(("l1", "kl")), "l1", role="shape"),
        Axis("penalty_weight", "float", Interval(0, math.inf, high_closed=False), 0.1, training=True),
        Axis("target", "float", Interval(0, 1, low_closed=False, high_closed=False), 0.05, when={"penalty": ("kl",)},
             training=True),
    )  # fmt: skip
    smooth: ClassVar[bool] = True

    def __init__(self, dimension: int, code_dimension: int, penalty: str = "l1") -> None:
        super().__init__()
        self.penalty = penalty
        self.encoder = nn.Parameter(torch.zeros(code_dimension, dimension))
        self.encoder_bias = nn.Parameter(torch.zeros(code_dimension))
        self.decoder = nn.Parameter(torch.zeros(dimension, code_dimension))
        self.decoder_bias = nn.Parameter(torch.zeros(dimension))

    def initialise(self, init: str, generator: torch.Generator) -> None:
        del init
        start = unit_rows(torch.randn(self.encoder.shape, generator=generator))
        with torch.no_grad():
            self.encoder.copy_(start)
            self.decoder.copy_(start.T)
            self.encoder_bias.zero_()
            self.decoder_bias.zero_()

    def code(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample code"]:
        preactivation = x @ self.encoder.T + self.encoder_bias
        return torch.relu(preactivation) if self.penalty == "l1" else torch.sigmoid(preactivation)

    def forward(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        return self._decode(self.code(x))

    def objective(
        self, x: Float[Tensor, "sample dim"], noise: Tensor, progress: Tensor, **knobs: Tensor
    ) -> Float[Tensor, ""]:
        code = self.code(x)
        penalty = l1(code).mean() if self.penalty == "l1" else kl_to_target(code, knobs["target"])
        return self.distortion(self._decode(code), x).mean() + knobs["penalty_weight"] * penalty

    def _decode(self, code: Float[Tensor, "sample code"]) -> Float[Tensor, "sample dim"]:
        return code @ self.decoder.T + self.decoder_bias

    def constrain(self, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.penalty != "l1":
            return parameters
        return {**parameters, "decoder": unit_rows(parameters["decoder"].T).T}
