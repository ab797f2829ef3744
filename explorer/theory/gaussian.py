"""The optimal two-layer loss on isotropic Gaussian data."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from explorer.theory.domain import panels

Activation = str | Callable[[NDArray[np.float64]], Any]

ODD_ACTIVATIONS = ("sign", "tanh", "erf", "identity")
_NODES = 256


def activation_factor(activation: Activation) -> float:
    """f = E[σ(g)²] / E[g σ(g)]² for an odd σ and g ~ N(0, 1); 1 is the linear code.

    sign: π/2; erf: (3/2) asin(2/3); identity: 1; tanh: by Gauss–Hermite quadrature (256 nodes, error below 1e-10). Any
    other odd function of arrays: by Gauss–Legendre quadrature on 48 panels of [0, 12] (smooth σ: below 1e-12; a jump inside a
    panel: about 1e-3).
    Raises ValueError for an activation that is not odd or is 0. Shevchenko et al. 2023 (arXiv 2212.13468), where
    f is Σ c²_{2l+1} / c₁² in Hermite coefficients.
    """
    return _named_factor(activation) if isinstance(activation, str) else _factor_of(activation)


def _factor_of(function: Callable[[NDArray[np.float64]], Any]) -> float:
    nodes, weights = panels(np.linspace(0, 12, 49))
    weights = weights * np.exp(-(nodes**2) / 2) * np.sqrt(2 / np.pi)
    values, mirrored = np.asarray(function(nodes), dtype=float), np.asarray(function(-nodes), dtype=float)
    linear = float(weights @ (nodes * values))
    if not np.allclose(values, -mirrored, rtol=1e-9, atol=1e-12) or linear == 0:
        raise ValueError(f"no Gaussian limit for activation {function!r}; expected an odd function that is not 0")
    return float(weights @ values**2) / linear**2


@cache
def _named_factor(activation: str) -> float:
    if activation == "sign":
        return np.pi / 2
    if activation == "identity":
        return 1.0
    if activation == "erf":
        return 1.5 * float(np.arcsin(2 / 3))
    if activation == "tanh":
        nodes, weights = special.roots_hermitenorm(_NODES)
        weights = weights / weights.sum()
        values = np.tanh(nodes)
        return float((weights @ values**2) / (weights @ (nodes * values)) ** 2)
    raise ValueError(f"no Gaussian limit for activation {activation!r}; expected one of {', '.join(ODD_ACTIVATIONS)}")


def gaussian_loss(rate: ArrayLike, activation: Activation = "sign") -> NDArray[np.float64]:
    """Least loss per coordinate on x ~ N(0, I) as d → ∞: 1 − r/f for r ≤ 1, 1 − r/(r + f − 1) for r ≥ 1.

    Also the loss of the rotation phase of every sparse source, whose sparsity the central limit theorem hides.
    Shevchenko et al. 2023 (arXiv 2212.13468), lower bounds for r ≤ 1 and r > 1; Kögler et al. 2024 (arXiv 2402.05013).
    """
    r = np.asarray(rate, dtype=float)
    f = activation_factor(activation)
    return 1 - r / np.where(r <= 1, f, r + f - 1)
