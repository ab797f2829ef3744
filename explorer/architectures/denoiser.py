"""A 1-bit code, a matrix and a scalar denoiser."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from explorer.architectures.base import Architecture, architectures
from explorer.architectures.encoders import haar_rows, identity_rows, linear_decoder, unit_rows
from explorer.architectures.prior import Prior, prior_of, unknown_prior
from explorer.architectures.scalar import DENOISERS, NODES, ScalarDenoiser, bayes_table, tabulated
from explorer.architectures.signs import SignCode
from explorer.axes import Axis, Choices, Value


@architectures.register("denoiser")
class Denoiser(SignCode, Architecture):
    """x̂ = f(A sign(Bx)), B with unit-norm rows, A free or tied (A = a Bᵀ), f a scalar function of every coordinate.

    f: `bayes`, the posterior mean E[x | x + γ^(−1/2) g = y] at γ = (2r/π)/(1 − 2r/π), which is optimal for rows of a Haar rotation and
    A = Bᵀ √(π/2)/r, where the decoder starts; learned, `tanh` or `spline` (`ScalarDenoiser`). Kögler et al. 2024 (arXiv
    2402.05013), section on the denoising decoder; limit: `explorer.theory.denoiser_loss`. Start: rows of a Haar rotation.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("denoiser", "str", Choices(DENOISERS), "bayes", role="shape"),
        Axis("tied", "bool", None, False, role="shape"),
        *SignCode.sign_axes,
    )
    inits: ClassVar[tuple[str, ...]] = ("random", "identity")

    table: Tensor
    end: Tensor

    def __init__(
        self,
        dimension: int,
        code_dimension: int,
        denoiser: str = "bayes",
        tied: bool = False,
        surrogate: str = "straight_through",
    ) -> None:
        super().__init__()
        self.surrogate, self.rate = surrogate, code_dimension / dimension
        self.encoder = nn.Parameter(torch.zeros(code_dimension, dimension))
        self.scale = nn.Parameter(torch.ones(())) if tied else None
        self.decoder = None if tied else nn.Parameter(torch.zeros(dimension, code_dimension))
        self.learned = None if denoiser == "bayes" else ScalarDenoiser(denoiser)
        if denoiser == "bayes":
            self.register_buffer("table", torch.zeros(NODES))
            self.register_buffer("end", torch.ones(()))

    @classmethod
    def refusal(cls, settings: Mapping[str, Value]) -> tuple[str, str] | None:
        return unknown_prior(settings) if settings["denoiser"] == "bayes" else None

    def prepare(self, settings: Mapping[str, Value]) -> None:
        if self.learned is not None:
            return
        prior: Prior = prior_of(settings)
        table, end = bayes_table(self._precision(), *prior)
        self.table.copy_(torch.from_numpy(table))
        self.end.fill_(end)

    def _precision(self) -> float:
        """γ of the equivalent Gaussian channel."""
        told = 2 * self.rate / math.pi
        return told / (1 - told)

    def initialise(self, init: str, generator: torch.Generator) -> None:
        rows, columns = self.encoder.shape
        start = identity_rows(rows, columns) if init == "identity" else haar_rows(rows, columns, generator)
        gain = math.sqrt(math.pi / 2) / max(self.rate, 1.0) / min(self.rate, 1.0)
        with torch.no_grad():
            self.encoder.copy_(start)
            if self.decoder is not None:
                self.decoder.copy_(start.T * gain)
            if self.scale is not None:
                self.scale.fill_(gain)
        if self.learned is not None:
            self.learned.start(min(2 * self.rate / math.pi, 1.0))

    def decode(self, code: Float[Tensor, "sample code"]) -> Float[Tensor, "sample dim"]:
        y = code @ self._decoder().T
        return tabulated(y, self.table, self.end) if self.learned is None else self.learned(y)

    def _decoder(self) -> Float[Tensor, "dim code"]:
        return linear_decoder(self.encoder, self.decoder, self.scale)

    def constrain(self, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        return {**parameters, "encoder": unit_rows(parameters["encoder"])}

    def minimizer(self) -> dict[str, Tensor]:
        found = {"encoder": self.encoder.detach(), "decoder": self._decoder().detach()}
        return found if self.learned is None else {**found, "denoiser": self.learned.weights.detach()[None]}
