"""The two-layer autoencoder of both papers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from explorer.architectures.activations import (
    ACTIVATIONS,
    SMOOTH,
    annealed_sign,
    mean_of_noisy_sign,
    straight_through_sign,
    surrogate_axes,
)
from explorer.architectures.base import Architecture, architectures
from explorer.architectures.encoders import REFIT, identity_rows, linear_decoder, unit_rows
from explorer.axes import Axis, Choices, Value
from explorer.objectives import squared_error


@architectures.register("two_layer")
class TwoLayer(Architecture):
    """x̂ = A σ(Bx), B an n × d matrix with unit-norm rows, A free (d × n) or tied (A = a Bᵀ, a a scalar).

    Shevchenko et al. 2023 (arXiv 2212.13468), equation (1.1); Kögler et al. 2024 (arXiv 2402.05013).
    Starts: `random`, rows uniform on the sphere; `identity`, row i is the unit vector of coordinate i mod d, so
    that for n > d some coordinates are read twice. The decoder starts at Bᵀ in both.

    A sign is trained through a `surrogate`, and evaluated as a sign: `straight_through`, forward the sign, backward the
    derivative of tanh(u / w), w = `surrogate_width`; `annealed`, tanh(u / τ) with τ from 1 down to `final_temperature` along
    training; `noisy`, the exact gradient of the loss of a code sign(u + w g) with noise g ~ N(0, I), which is
    E‖x − A z‖² = ‖x − A m‖² + Σ_j ‖A_j‖² (1 − m_j²), m = erf(u / (√2 w)). `refit`: A by least squares at the end.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("activation", "str", Choices(ACTIVATIONS), "sign", role="shape"),
        Axis("tied", "bool", None, False, role="shape"),
        *surrogate_axes(when={"activation": ("sign",)}),
        REFIT,
    )
    inits: ClassVar[tuple[str, ...]] = ("random", "identity")

    def __init__(
        self,
        dimension: int,
        code_dimension: int,
        activation: str = "sign",
        tied: bool = False,
        surrogate: str = "straight_through",
        refit: bool = False,
    ) -> None:
        super().__init__()
        del refit
        self.activation, self.surrogate = activation, surrogate
        self.smooth = activation != "sign"  # type: ignore[misc]
        self.encoder = nn.Parameter(torch.zeros(code_dimension, dimension))
        self.scale = nn.Parameter(torch.ones(())) if tied else None
        self.decoder = None if tied else nn.Parameter(torch.zeros(dimension, code_dimension))

    @classmethod
    def refusal(cls, settings: Mapping[str, Value]) -> tuple[str, str] | None:
        if settings.get("surrogate") == "noisy" and settings["distortion"] != "squared_error":
            return "surrogate", "noisy is in closed form for squared_error alone; expected another surrogate"
        return None

    def initialise(self, init: str, generator: torch.Generator) -> None:
        rows, columns = self.encoder.shape
        if init == "identity":
            start = identity_rows(rows, columns)
        else:
            start = torch.randn(rows, columns, generator=generator)
            start = start / start.norm(dim=1, keepdim=True)
        with torch.no_grad():
            self.encoder.copy_(start)
            if self.decoder is not None:
                self.decoder.copy_(start.T)

    def code(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample code"]:
        preactivation = x @ self.encoder.T
        if self.activation != "sign":
            return SMOOTH[self.activation](preactivation)
        if "surrogate_width" in knobs:
            return straight_through_sign(preactivation, knobs["surrogate_width"])
        return torch.where(preactivation < 0, -1.0, 1.0)

    def forward(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        return self.code(x, **knobs) @ self._decoder().T

    def objective(
        self, x: Float[Tensor, "sample dim"], noise: Tensor, progress: Tensor, **knobs: Tensor
    ) -> Float[Tensor, ""]:
        if self.activation != "sign" or self.surrogate == "straight_through":
            return super().objective(x, noise, progress, **knobs)
        preactivation, decoder = x @ self.encoder.T, self._decoder()
        if self.surrogate == "annealed":
            code = annealed_sign(preactivation, progress, knobs["final_temperature"])
            return self.distortion(code @ decoder.T, x).mean()
        mean = mean_of_noisy_sign(preactivation, knobs["surrogate_width"])
        spread = (1 - mean.square()) @ decoder.square().sum(dim=0) / x.shape[-1]
        return (squared_error(mean @ decoder.T, x) + spread).mean()

    def _decoder(self) -> Float[Tensor, "dim code"]:
        return linear_decoder(self.encoder, self.decoder, self.scale)

    def constrain(self, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        return {**parameters, "encoder": unit_rows(parameters["encoder"])}

    def minimizer(self) -> dict[str, Tensor]:
        return {"encoder": self.encoder.detach(), "decoder": self._decoder().detach()}
