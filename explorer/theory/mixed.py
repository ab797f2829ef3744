"""Sparse data with a 1-bit code: encoders between the rotation and the identity."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from explorer.theory.domain import Array, check_rate, check_source, over
from explorer.theory.nonzero import base_nodes

_GRID = np.concatenate([[0.0], np.geomspace(1e-3, 1e4, 281), [np.inf]])
_NOTICED = 1e-13


def mixed_loss(
    rate: ArrayLike, sparsity: ArrayLike, base: str = "rademacher", shape: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least loss per coordinate over the mixed encoders, and the t at which it is reached; NaN for r > 1.

    Encoders: n rows of (tI + J)/√(1 + t²), J antisymmetric, orthogonal and delocalised; the best decoder is αI + βJᵀ on those rows.
    R(t) = 1 − r(α² + β²), α = E[x(2Φ(tx) − 1)], β = √(2/π) E[exp(−t²x²/2)]; t = 0 is the rotation, t = ∞ the tie-broken identity,
    reported where no t is better by 1e-13 (t = 0 first). Error of the loss below 1e-9. Below the rotation only where E x⁴ < 3
    (rademacher p > 1/3, uniform p > 0.6) or the tie-broken identity is. Raises ValueError outside r ≥ 0, p ∈ (0, 1]. In no paper:
    derived for this project and checked by simulation. The best of this family; whether anything lies lower is not known.
    """

    def loss(r: float, p: float) -> float:
        check_rate(r)
        return 1 - r * _best(p, base, shape)[0] if r <= 1 else np.nan

    def where(r: float, p: float) -> float:
        return _best(p, base, shape)[1] if r <= 1 else np.nan

    return over(loss, rate, sparsity), over(where, rate, sparsity)


@lru_cache(maxsize=10_000)
def _best(sparsity: float, base: str, shape: float | None) -> tuple[float, float]:
    """The largest α² + β² and its t."""
    check_source(sparsity, base, shape)
    nodes, weights = base_nodes(base, shape)
    x = nodes / np.sqrt(sparsity)

    def kept(t: Array) -> Array:
        with np.errstate(invalid="ignore"):
            tx = t[:, None] * x
        alpha = sparsity * (special.erf(tx / np.sqrt(2)) * x) @ weights
        beta = np.sqrt(2 / np.pi) * (1 - sparsity + sparsity * np.exp(-(tx**2) / 2) @ weights)
        return alpha**2 + beta**2

    values = kept(_GRID)
    for end in (0, -1):
        if values[end] > values.max() - _NOTICED:
            return float(values[end]), float(_GRID[end])
    best = int(np.argmax(values))
    low, high = np.log(max(_GRID[best - 1], 1e-6)), np.log(min(_GRID[best + 1], 1e8))
    found = optimize.minimize_scalar(
        lambda log_t: -kept(np.exp([log_t]))[0], bounds=(low, high), method="bounded", options={"xatol": 1e-8}
    )
    return -float(found.fun), float(np.exp(found.x))
