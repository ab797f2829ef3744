"""The variational autoencoder."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from explorer.architectures.base import Architecture, architectures
from explorer.architectures.layers import (
    HIDDEN_ACTIVATIONS,
    Affine,
    Layers,
    hidden_activation_axis,
    hidden_axis,
    normal,
    widths,
)
from explorer.axes import Axis, Interval
from explorer.objectives import gaussian_log_likelihood, kl_to_standard_normal, squared_error

# Log variances stay within ± this, softly.
LARGEST_LOG_VARIANCE = 16.0


def softly_clamped(s: Float[Tensor, "*size"]) -> Float[Tensor, "*size"]:
    """16 tanh(s/16)."""
    return LARGEST_LOG_VARIANCE * torch.tanh(s / LARGEST_LOG_VARIANCE)


@architectures.register("variational")
class Variational(Architecture):
    """q(z|x) = N(μ(x), diag e^{s(x)}), p(z) = N(0, I), p(x|z) with mean x̂(z); minus the evidence lower bound is minimised.

    Kingma & Welling 2014 (arXiv 1312.6114), the KL term weighted by `beta`: Higgins et al., ICLR 2017. Per input coordinate:
    −E_q log p(x|z)/d + beta KL(q(z|x) ‖ p(z))/d, with one z = μ + e^{s/2} g by sample. p(x|z) is N(x̂, v I) with one v for all x,
    trained, where the distortion is squared_error, and Bernoulli(sigmoid(x̂)) where it is cross_entropy. The loss that is reported
    is the distortion of x̂(μ(x)), and the code is μ(x).
    μ and s share the `hidden` layers and are linear in the last; x̂ mirrors μ. Without hidden layers, beta = 1 and squared error
    the bound at its maximum is the likelihood of probabilistic PCA: Lucas et al. 2019 (arXiv 1911.02469).
    Start: weights as in `layers.gain`, those of s, all biases and log v 0.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        hidden_axis(""),
        hidden_activation_axis(),
        Axis("beta", "float", Interval(0, math.inf, high_closed=False), 1.0, training=True),
    )
    smooth: ClassVar[bool] = True

    def __init__(self, dimension: int, code_dimension: int, hidden: str = "", activation: str = "relu") -> None:
        super().__init__()
        self.activation = activation
        sizes = [dimension, *widths(hidden)]
        self.trunk = Layers(sizes, activation)
        self.mean = Affine(sizes[-1], code_dimension)
        self.log_variance = Affine(sizes[-1], code_dimension)
        self.decoder = Layers([code_dimension, *sizes[::-1]], activation)
        self.noise_log_variance = nn.Parameter(torch.zeros(()))

    @property
    def noise_width(self) -> int:
        return len(self.mean.bias)

    def initialise(self, init: str, generator: torch.Generator) -> None:
        del init
        for each in self.trunk.maps:
            assert isinstance(each, Affine)
            each.start(self.activation, generator)
        self.mean.start("identity", generator)
        self.decoder.start(generator)
        with torch.no_grad():
            for value in (self.log_variance.weight, self.log_variance.bias, self.noise_log_variance):
                value.zero_()

    def posterior(
        self, x: Float[Tensor, "sample dim"]
    ) -> tuple[Float[Tensor, "sample code"], Float[Tensor, "sample code"]]:
        """μ(x) and s(x)."""
        features = HIDDEN_ACTIVATIONS[self.activation](self.trunk(x)) if len(self.trunk.maps) else x
        return self.mean(features), softly_clamped(self.log_variance(features))

    def code(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample code"]:
        return self.posterior(x)[0]

    def forward(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        return self.decoder(self.code(x))

    def terms(
        self, x: Float[Tensor, "sample dim"], noise: Float[Tensor, "sample code"]
    ) -> tuple[Float[Tensor, " sample"], Float[Tensor, " sample"]]:
        """log p(x|z) at one z ~ q(z|x), and KL(q(z|x) ‖ p(z)), in nats per input coordinate."""
        mean, log_variance = self.posterior(x)
        reconstruction = self.decoder(mean + torch.exp(log_variance / 2) * normal(noise))
        if self.distortion is squared_error:
            likelihood = gaussian_log_likelihood(reconstruction, x, softly_clamped(self.noise_log_variance))
        else:
            likelihood = -self.distortion(reconstruction, x)
        return likelihood, kl_to_standard_normal(mean, log_variance) / x.shape[-1]

    def objective(
        self, x: Float[Tensor, "sample dim"], noise: Float[Tensor, "sample code"], progress: Tensor, **knobs: Tensor
    ) -> Float[Tensor, ""]:
        likelihood, kl = self.terms(x, noise)
        return (knobs["beta"] * kl - likelihood).mean()

    def probe(
        self, x: Float[Tensor, "sample dim"], noise: Float[Tensor, "sample code"], **knobs: Tensor
    ) -> dict[str, Float[Tensor, "sample column"]]:
        likelihood, kl = self.terms(x, noise)
        return {"code": self.code(x), "kl": kl[:, None], "elbo": (likelihood - kl)[:, None]}

    def minimizer(self) -> dict[str, Tensor]:
        found = super().minimizer()
        if not len(self.trunk.maps):
            found |= {"encoder": found.pop("mean.weight"), "decoder": found.pop("decoder.maps.0.weight")}
        return found
