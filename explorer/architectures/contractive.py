"""An autoencoder whose code is made to change little with the input."""

from __future__ import annotations

import itertools
import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

from explorer.architectures.base import Architecture, architectures
from explorer.architectures.layers import DERIVATIVES, HIDDEN_ACTIVATIONS, gain, hidden_axis, widths
from explorer.axes import Axis, Choices, Interval


@architectures.register("contractive")
class Contractive(Architecture):
    """z = σ(Wx + b), x̂ = Wᵀz + c; the loss plus `penalty_weight` E‖∂z/∂x‖²_F / d is minimised.

    Rifai et al., "Contractive auto-encoders", ICML 2011. The weights are tied, as there: with a free decoder a small W and a
    large decoder would cost nothing. With `hidden` layers σ follows every map W_l of the encoder, and the decoder maps back by
    W_lᵀ, σ between them, its output linear. The loss that is reported is without the penalty. With one layer and σ the identity
    WWᵀ has at the minimum the eigenvalues 1 − penalty_weight/(2λ_i) where they are positive, λ_i the top n of E x xᵀ.
    `jacobian`: exact is Σ_j σ'(u_j)² ‖W_j‖² of one layer, n backward passes of several; hutchinson is ‖vᵀ ∂z/∂x‖² for one v of
    random signs by sample, whose mean it is, in one backward pass; auto is exact for one layer and hutchinson for several.
    Start: W_l as in `layers.gain`, biases 0.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        hidden_axis(""),
        Axis("activation", "str", Choices(tuple(HIDDEN_ACTIVATIONS)), "sigmoid", role="shape"),
        Axis("jacobian", "str", Choices(("auto", "exact", "hutchinson")), "auto", role="shape", training=True),
        Axis("penalty_weight", "float", Interval(0, math.inf, high_closed=False), 1.0, training=True),
    )
    smooth: ClassVar[bool] = True

    def __init__(
        self,
        dimension: int,
        code_dimension: int,
        hidden: str = "",
        activation: str = "sigmoid",
        jacobian: str = "auto",
    ) -> None:
        super().__init__()
        self.activation = activation
        sizes = [dimension, *widths(hidden), code_dimension]
        pairs = list(itertools.pairwise(sizes))
        self.weights = nn.ParameterList(torch.zeros(b, a) for a, b in pairs)
        self.biases = nn.ParameterList(torch.zeros(b) for _, b in pairs)
        self.decoder_biases = nn.ParameterList(torch.zeros(a) for a, _ in reversed(pairs))
        self.jacobian = jacobian if jacobian != "auto" else "hutchinson" if hidden else "exact"

    @property
    def noise_width(self) -> int:
        return len(self.biases[-1]) if self.jacobian == "hutchinson" else 0

    @property
    def activations(self) -> int:
        passes = len(self.biases[-1]) if self.jacobian == "exact" and len(self.weights) > 1 else 1
        return 6 * sum(len(bias) for bias in (*self.biases, *self.decoder_biases)) * (1 + passes) // 2

    def initialise(self, init: str, generator: torch.Generator) -> None:
        del init
        with torch.no_grad():
            for weight in self.weights:
                deviation = gain(self.activation, weight.shape[1], weight.shape[0])
                weight.copy_(torch.randn(weight.shape, generator=generator) * deviation)
            for bias in (*self.biases, *self.decoder_biases):
                bias.zero_()

    def preactivations(self, x: Float[Tensor, "sample dim"]) -> list[Float[Tensor, "sample width"]]:
        """u_l = W_l σ(u_{l−1}) + b_l of every map of the encoder."""
        found: list[Tensor] = []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            found.append(linear(HIDDEN_ACTIVATIONS[self.activation](found[-1]) if found else x, weight, bias))
        return found

    def code(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample code"]:
        return HIDDEN_ACTIVATIONS[self.activation](self.preactivations(x)[-1])

    def forward(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        return self._decode(self.code(x))

    def _decode(self, code: Float[Tensor, "sample code"]) -> Float[Tensor, "sample dim"]:
        for i, (weight, bias) in enumerate(zip(reversed(list(self.weights)), self.decoder_biases, strict=True)):
            code = linear(code if i == 0 else HIDDEN_ACTIVATIONS[self.activation](code), weight.T, bias)
        return code

    def squared_jacobian(
        self, preactivations: list[Float[Tensor, "sample width"]], noise: Float[Tensor, "sample noise"]
    ) -> Float[Tensor, " sample"]:
        """‖∂z/∂x‖²_F of each sample, or its estimate."""
        slopes = [DERIVATIVES[self.activation](u) for u in preactivations]
        if self.jacobian == "exact" and len(slopes) == 1:
            return slopes[0].square() @ self.weights[0].square().sum(dim=1)
        if self.jacobian == "hutchinson":
            return self._pulled(torch.where(noise < 0.5, -1.0, 1.0), slopes).square().sum(dim=-1)
        units = torch.eye(slopes[-1].shape[1], dtype=slopes[-1].dtype, device=slopes[-1].device)
        return self._pulled(units[:, None, :], slopes).square().sum(dim=(0, 2))

    def _pulled(self, v: Float[Tensor, "*pass sample code"], slopes: list[Tensor]) -> Float[Tensor, "*pass sample dim"]:
        """vᵀ ∂z/∂x: backward through the encoder."""
        for weight, slope in zip(reversed(list(self.weights)), reversed(slopes), strict=True):
            v = (v * slope) @ weight
        return v

    def objective(
        self, x: Float[Tensor, "sample dim"], noise: Float[Tensor, "sample noise"], progress: Tensor, **knobs: Tensor
    ) -> Float[Tensor, ""]:
        preactivations = self.preactivations(x)
        code = HIDDEN_ACTIVATIONS[self.activation](preactivations[-1])
        penalty = self.squared_jacobian(preactivations, noise).mean() / x.shape[-1]
        return self.distortion(self._decode(code), x).mean() + knobs["penalty_weight"] * penalty

    def minimizer(self) -> dict[str, Tensor]:
        found = super().minimizer()
        if len(self.weights) == 1:
            weight = found.pop("weights.0")
            found |= {"encoder": weight, "decoder": weight.T}
        return found
