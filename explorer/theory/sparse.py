"""Sparse data with a 1-bit code: the identity phase and where it takes over."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

BASES = ("rademacher", "gaussian", "uniform", "laplace", "generalized_gaussian")


def first_absolute_moment(base: str, shape: float | None = None) -> float:
    """m = E|g| of a unit-variance base.

    rademacher 1, gaussian √(2/π), uniform √3/2, laplace 1/√2; generalized Gaussian of shape β:
    m² = Γ(2/β)² / (Γ(1/β) Γ(3/β)). Raises ValueError for another base or a shape that is not positive.
    """
    if base == "rademacher":
        return 1.0
    if base == "uniform":
        return float(np.sqrt(3) / 2)
    beta = {"laplace": 1.0, "gaussian": 2.0}.get(base, shape)
    if base not in BASES or beta is None or not beta > 0:
        raise ValueError(f"no base {base!r} with shape {shape!r}; expected one of {', '.join(BASES)}")
    log = special.gammaln(2 / beta) - 0.5 * (special.gammaln(1 / beta) + special.gammaln(3 / beta))
    return float(np.exp(log))


def identity_loss(
    rate: ArrayLike, sparsity: ArrayLike, base: str = "rademacher", shape: float | None = None
) -> NDArray[np.float64]:
    """Loss per coordinate of the exact identity, B = [I 0], ties broken at random: 1 − r p m², for r ≤ 1; NaN beyond.

    Kögler et al. 2024 (arXiv 2402.05013).
    """
    r, p = np.asarray(rate, dtype=float), np.asarray(sparsity, dtype=float)
    return np.where(r <= 1, 1 - r * p * first_absolute_moment(base, shape) ** 2, np.nan)


def tie_broken_identity_loss(
    rate: ArrayLike, sparsity: ArrayLike, base: str = "rademacher", shape: float | None = None
) -> NDArray[np.float64]:
    """Loss of an identity whose ties are broken by an infinitesimal rotation: 1 − r [p m² + (1 − p)² 2/π], r ≤ 1; NaN beyond.

    The sign of a zero coordinate then tells of the others, and the decoder uses it. In no paper: derived for this project
    and checked by simulation; what training from the identity finds at small p.
    """
    r, p = np.asarray(rate, dtype=float), np.asarray(sparsity, dtype=float)
    kept = p * first_absolute_moment(base, shape) ** 2 + (1 - p) ** 2 * 2 / np.pi
    return np.where(r <= 1, 1 - r * kept, np.nan)


def critical_sparsity(base: str = "rademacher", shape: float | None = None) -> float:
    """p_c = (2/π)/m²: where rotation and exact identity have equal loss, at any r ≤ 1.

    Above 1 there is no transition in (0, 1]: laplace 1.273, generalized Gaussian with β < 2. Rademacher 0.6366, uniform
    0.8488, gaussian 1. Kögler et al. 2024 (arXiv 2402.05013).
    """
    return float(2 / np.pi / first_absolute_moment(base, shape) ** 2)
