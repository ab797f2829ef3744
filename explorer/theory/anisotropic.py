"""The two-layer loss on Gaussian data with a covariance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from explorer.theory.domain import Array, check_rate, over
from explorer.theory.gaussian import Activation, activation_factor
from explorer.theory.linear import spectrum


def anisotropic_loss(
    eigenvalues: ArrayLike, rate: ArrayLike, activation: Activation = "sign", shares: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Least loss per coordinate of x̂ = A σ(Bx) on x ~ N(0, Σ), many coordinates an eigenvalue; over arrays of r ≥ 0.

    Each eigenvalue of Σ is a block with its share of the coordinates (equal by default). With s the spectrum of B̃ᵀB̃ on whitened data
    and c = f − 1: R = Σ w_i λ_i [1 − s_i/(s_i + c)], s_i = (√(λ_i c/ν) − c)₊ on the share min(r, 1) of largest eigenvalues, ν such
    that Σ w_i s_i = r. For equal eigenvalues it is `gaussian_loss`. Error below 1e-10. Raises ValueError for a negative rate or
    eigenvalue. The form is derived for this project and agrees with numerical minimisation to 3e-5; not proved. The problem is that
    of Shevchenko et al. 2023 (arXiv 2212.13468), theorem on general covariance.
    """
    values, weights = spectrum(eigenvalues, shares)
    excess = activation_factor(activation) - 1

    def loss(r: float) -> float:
        check_rate(r)
        below = np.concatenate([[0.0], np.cumsum(weights)[:-1]])
        used = np.clip(min(r, 1.0) - below, 0, weights)
        if excess < 1e-12:
            return float((weights - used) @ values)
        s = _filled(values, used, r, excess)
        return float(weights @ values - (used * values) @ (s / (s + excess)))

    return over(loss, rate)


def anisotropic_allocation(
    eigenvalues: ArrayLike, rate: float, activation: Activation = "sign", shares: ArrayLike | None = None
) -> NDArray[np.float64]:
    """How the best encoder of `anisotropic_loss` spends its rows: s of each eigenvalue, as they are given; Σ w_i s_i = r.

    s is the spectrum of B̃ᵀB̃, B̃ = BΛ^(1/2) with its rows made of unit norm: 0 for a direction that the code does not see, r for all
    where the eigenvalues are equal. An eigenvalue at which the share min(r, 1) ends has the s of its coordinates that are used times
    the share of them. Raises ValueError for a negative rate or eigenvalue. Derived for this project (see `anisotropic_loss`).
    """
    given = np.asarray(eigenvalues, dtype=float).ravel()
    values, weights = spectrum(eigenvalues, shares)
    check_rate(rate)
    excess = activation_factor(activation) - 1
    below = np.concatenate([[0.0], np.cumsum(weights)[:-1]])
    used = np.clip(min(rate, 1.0) - below, 0, weights)
    part = np.divide(used, weights, out=np.zeros_like(used), where=weights > 0)
    filled = _filled(values, used, rate, excess) if excess > 1e-12 else np.full_like(values, max(rate, 1.0))
    allocated = np.empty_like(given)
    allocated[np.argsort(-given, kind="stable")] = part * filled
    return allocated


def _filled(values: Array, used: Array, rate: float, excess: float) -> Array:
    """s_i = (√(λ_i c) h − c)₊ with h = 1/√ν such that Σ used_i s_i = r."""
    roots = np.sqrt(values * excess)
    if rate == 0 or not (used * roots).any():
        return np.zeros_like(values)

    def missing(height: float) -> float:
        return float(used @ np.maximum(roots * height - excess, 0)) - rate

    high = (rate / used[roots > 0].sum() + excess) / roots[(used > 0) & (roots > 0)].min()
    height, high = 0.0, high * (1 + 1e-9)
    for _ in range(200):
        middle = (height + high) / 2
        height, high = (middle, high) if missing(middle) < 0 else (height, middle)
    return np.maximum(roots * height - excess, 0)
