"""A 1-bit code by a random encoder that is never trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from explorer.architectures.base import Architecture, architectures
from explorer.architectures.encoders import REFIT, haar_rows
from explorer.architectures.prior import unknown_prior
from explorer.architectures.scalar import DENOISERS
from explorer.architectures.unrolled import LAYERS, MessagePassing
from explorer.axes import Axis, Choices, Value

PASSING = ("denoiser", "unrolled")


@architectures.register("random_encoder")
class RandomEncoder(Architecture):
    """x̂ = D(sign(Bx)), B drawn once from the cell's seed and fixed: what learning B buys is the difference to the other architectures.

    `encoder_law`: haar, rows of a Haar rotation; gaussian, entries N(0, 1/d). `decoder`: `linear`, A learned, limit 1 − 2r/π for
    haar; `denoiser`, one layer of `MessagePassing`; `unrolled`, `layers` of them. With `denoiser: bayes` these are fixed but for
    one learned gain.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("encoder_law", "str", Choices(("haar", "gaussian")), "haar", role="shape"),
        Axis("decoder", "str", Choices(("linear", *PASSING)), "linear", role="shape"),
        Axis("denoiser", "str", Choices(DENOISERS), "bayes", role="shape", when={"decoder": PASSING}),
        replace(LAYERS, when={"decoder": ("unrolled",)}),
        replace(REFIT, when={"decoder": ("linear",)}),
    )

    encoder: Tensor

    def __init__(
        self,
        dimension: int,
        code_dimension: int,
        encoder_law: str = "haar",
        decoder: str = "linear",
        denoiser: str = "bayes",
        layers: int = 1,
        refit: bool = False,
    ) -> None:
        super().__init__()
        del refit
        self.law, self.rate = encoder_law, code_dimension / dimension
        self.register_buffer("encoder", torch.zeros(code_dimension, dimension))
        linear = decoder == "linear"
        self.decoder = nn.Parameter(torch.zeros(dimension, code_dimension)) if linear else None
        self.passing = None if linear else MessagePassing(layers, denoiser, encoder_law)
        self.gain = None if linear else nn.Parameter(torch.ones(()))

    @classmethod
    def refusal(cls, settings: Mapping[str, Value]) -> tuple[str, str] | None:
        if settings.get("denoiser") != "bayes":
            return None
        if not math.isinf(float(settings["weight_bits"])):
            return "weight_bits", "nothing that is trained here is a matrix, expected inf"
        refused = unknown_prior(settings)
        return None if refused and refused[0] == "rate" and settings["encoder_law"] == "gaussian" else refused

    @property
    def activations(self) -> int:
        layers = self.passing.layers if self.passing is not None else 0
        return (6 + 5 * layers) * sum(self.encoder.shape)

    def prepare(self, settings: Mapping[str, Value]) -> None:
        if self.passing is not None:
            self.passing.prepare(self.rate, self.encoder.shape[1], settings)

    def initialise(self, init: str, generator: torch.Generator) -> None:
        rows, columns = self.encoder.shape
        if self.law == "gaussian":
            start = torch.randn(rows, columns, generator=generator) / columns**0.5
        else:
            start = haar_rows(rows, columns, generator)
        with torch.no_grad():
            self.encoder.copy_(start)
            if self.decoder is not None:
                self.decoder.copy_(start.T)

    def code(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample code"]:
        return torch.where(x @ self.encoder.T < 0, -1.0, 1.0)

    def forward(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        code = self.code(x)
        if self.decoder is not None:
            return code @ self.decoder.T
        assert self.passing is not None
        assert self.gain is not None
        return self.gain * self.passing(code, self.encoder)

    def minimizer(self) -> dict[str, Tensor]:
        found = {"encoder": self.encoder.detach()}
        return found if self.decoder is None else {**found, "decoder": self.decoder.detach()}
