"""Unit-variance symmetric laws by inversion of one uniform, all through one table look-up.

The table holds the quantile function of |g| on an even grid of t = -log(1 - P(|g| <= q)), the scale on which
tails are nearly straight; linear interpolation is within 1e-5 of the quantile for shape >= 1.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from scipy import special
from torch import Tensor

NODES = 4097
# 23-bit uniforms leave at least 2^-23 of probability beyond the largest |g|.
T_MAX = 23 * float(np.log(2.0))


def quantile_table(base: str, shape: float | None = None) -> Float[np.ndarray, " node"]:
    """Quantiles of |g|, E g^2 = 1, for the bases of the sparse source; one node for rademacher.

    The generalized Gaussian has density proportional to exp(-|g/s|^shape); |g/s|^shape is Gamma(1/shape), and
    s^2 = Gamma(1/shape) / Gamma(3/shape). laplace and gaussian are its shapes 1 and 2.
    """
    t = np.linspace(0.0, T_MAX, NODES)
    if base == "rademacher":
        return np.ones(1)
    if base == "uniform":
        return -np.sqrt(3.0) * np.expm1(-t)
    beta = {"laplace": 1.0, "gaussian": 2.0}.get(base, shape)
    if beta is None:
        raise ValueError(f"no quantiles for base {base!r} with shape {shape!r}")
    scale = np.exp(0.5 * (special.gammaln(1 / beta) - special.gammaln(3 / beta)))
    gamma = np.where(t < 1.0, special.gammaincinv(1 / beta, -np.expm1(-t)), special.gammainccinv(1 / beta, np.exp(-t)))
    quantiles = scale * gamma ** (1 / beta)
    # The uniforms stop short of the tail; a heavy one would lose variance there.
    variance = np.trapezoid(quantiles**2 * np.exp(-t), t) / -np.expm1(-T_MAX)
    return quantiles / np.sqrt(variance)


def symmetric(uniform: Float[Tensor, "*size"], table: Float[Tensor, " node"]) -> Float[Tensor, "*size"]:
    """Uniforms on (0, 1) to draws of the symmetric law whose |g|-quantiles are `table`; one node where |g| is constant."""
    if table.shape[0] == 1:
        return torch.where(uniform < 0.5, -table, table)
    centred = 2 * uniform - 1
    position = -torch.log1p(-centred.abs()) * ((table.shape[0] - 1) / T_MAX)
    position = position.clamp(max=table.shape[0] - 1.001)
    node = position.floor()
    fraction = position - node
    index = node.to(torch.int64)
    magnitude = table[index] * (1 - fraction) + table[index + 1] * fraction
    return torch.where(centred < 0, -magnitude, magnitude)
