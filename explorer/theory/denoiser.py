"""The denoiser decoder of a 1-bit code of sparse data."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from explorer.theory.domain import check_rate, over
from explorer.theory.posterior import mmse


def denoiser_loss(
    rate: ArrayLike, sparsity: ArrayLike, base: str = "rademacher", shape: float | None = None
) -> NDArray[np.float64]:
    """Loss per coordinate of x̂ = f(A sign(Bx)), B n rows of a Haar rotation, A = Bᵀ, f optimal, as d → ∞; NaN for r > 1.

    mmse(γ) at γ = (2r/π)/(1 − 2r/π): a coordinate and its entry of Az behave as (x, μx + σg), μ = r√(2/π), σ² = r(1 − 2r/π). Equal
    to the linear decoder's 1 − 2r/π for the gaussian at p = 1, and layer 1 of `state_evolution`. Raises ValueError outside the
    domain of `mmse`. Kögler et al. 2024 (arXiv 2402.05013), denoising decoder.
    """

    def loss(r: float, p: float) -> float:
        check_rate(r)
        kept = 2 * r / np.pi
        return float(mmse(kept / (1 - kept), p, base, shape)) if r <= 1 else np.nan

    return over(loss, rate, sparsity)
