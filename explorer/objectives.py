"""What a cell minimises: distortions between data and reconstruction, and penalties."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def squared_error(
    reconstruction: Float[Tensor, "sample dim"], x: Float[Tensor, "sample dim"]
) -> Float[Tensor, " sample"]:
    """‖x − x̂‖²/d of each sample; its mean is the loss per coordinate, 1 for x̂ = 0 on unit-variance data."""
    return (x - reconstruction).square().mean(dim=-1)


def cross_entropy(logits: Float[Tensor, "sample dim"], x: Float[Tensor, "sample dim"]) -> Float[Tensor, " sample"]:
    """−(1/d) Σ_i [x_i log π_i + (1 − x_i) log(1 − π_i)] in nats, π = sigmoid(logits), x in [0, 1]^d; log 2 for π = 1/2."""
    return functional.binary_cross_entropy_with_logits(logits, x, reduction="none").mean(dim=-1)


Distortion = Callable[[Tensor, Tensor], Tensor]

# Named by the setting `distortion`; the second reads a reconstruction as logits.
DISTORTIONS: dict[str, Distortion] = {"squared_error": squared_error, "cross_entropy": cross_entropy}


def l1(code: Float[Tensor, "sample code"]) -> Float[Tensor, " sample"]:
    """‖z‖₁/n of each sample."""
    return code.abs().mean(dim=-1)


def kl_to_target(code: Float[Tensor, "sample code"], target: Tensor) -> Float[Tensor, ""]:
    """(1/n) Σ_j KL(Bernoulli(ρ) ‖ Bernoulli(ρ̂_j)) in nats, ρ̂_j the batch mean of unit j, whose values lie in (0, 1).

    Ng, "Sparse autoencoder", CS294A lecture notes, 2011.
    """
    mean = code.mean(dim=0).clamp(1e-6, 1 - 1e-6)
    return (target * (target / mean).log() + (1 - target) * ((1 - target) / (1 - mean)).log()).mean()


def kl_to_standard_normal(
    mean: Float[Tensor, "sample code"], log_variance: Float[Tensor, "sample code"]
) -> Float[Tensor, " sample"]:
    """KL(N(μ, diag e^s) ‖ N(0, I)) = ½ Σ_j (μ_j² + e^{s_j} − 1 − s_j) in nats (Kingma & Welling 2014, appendix B)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=-1)


def gaussian_log_likelihood(
    reconstruction: Float[Tensor, "sample dim"], x: Float[Tensor, "sample dim"], log_variance: Tensor
) -> Float[Tensor, " sample"]:
    """(1/d) log N(x; x̂, s² I) = −½ [log 2π + log s² + ‖x − x̂‖²/(d s²)] in nats per coordinate."""
    error = squared_error(reconstruction, x)
    return -0.5 * (math.log(2 * math.pi) + log_variance + error * torch.exp(-log_variance))
