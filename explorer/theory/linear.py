"""Linear autoencoders of data with a known covariance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from explorer.theory.domain import check_rate, over


def spectrum(
    eigenvalues: ArrayLike, shares: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues in falling order with their shares of the coordinates, which sum to 1; default equal shares.

    Raises ValueError where there are none, one is negative or not finite, or the shares do not fit.
    """
    values = np.asarray(eigenvalues, dtype=float).ravel()
    weights = np.ones(len(values)) if shares is None else np.asarray(shares, dtype=float).ravel()
    if not len(values) or not np.isfinite(values).all() or (values < 0).any():
        raise ValueError(f"eigenvalues {eigenvalues!r}; expected at least one, all finite and none negative")
    if weights.shape != values.shape or not np.isfinite(weights).all() or (weights < 0).any() or not weights.sum() > 0:
        raise ValueError(f"shares {shares!r}; expected one for each eigenvalue, none negative and not all 0")
    order = np.argsort(-values, kind="stable")
    return values[order], weights[order] / weights.sum()


def kept_directions(dimension: int, rate: float) -> int:
    """n = round(r d), at most d."""
    check_rate(rate)
    return min(round(rate * dimension), dimension)


def pca_loss(eigenvalues: ArrayLike, rate: ArrayLike) -> NDArray[np.float64]:
    """Loss per coordinate of the best linear autoencoder with n = round(r d) code coordinates: Σ_{i>n} λ_i / d, λ falling.

    One eigenvalue of the covariance a coordinate; 0 for r ≥ 1; over arrays of r. Raises ValueError for a negative rate or
    eigenvalue. Principal component analysis: Baldi and Hornik 1989 (Neural Networks 2), Eckart and Young 1936.
    """
    values, _ = spectrum(eigenvalues)
    return over(lambda r: float(values[kept_directions(len(values), r) :].sum() / len(values)), rate)


def ppca_log_likelihood(eigenvalues: ArrayLike, rate: ArrayLike) -> NDArray[np.float64]:
    """Greatest log-likelihood of probabilistic PCA with n = round(r d) factors, per coordinate, in nats.

    −½ [log 2π + 1 + (Σ_{i≤n} log λ_i)/d + (1 − n/d) log σ²], σ² the mean of the d − n smallest eigenvalues. Also the greatest
    evidence bound of a linear variational autoencoder. Over arrays of r; ∞ where the covariance that is modelled is singular.
    Raises ValueError for a negative rate or eigenvalue. Tipping and Bishop 1999 (J. R. Stat. Soc. B 61), equations (8) and (9);
    Lucas et al. 2019 (arXiv 1911.02469).
    """
    values, _ = spectrum(eigenvalues)

    def best(r: float) -> float:
        n = kept_directions(len(values), r)
        noise = np.full(len(values) - n, values[n:].mean() if n < len(values) else 1.0)
        with np.errstate(divide="ignore"):
            logs = np.log(np.concatenate([values[:n], noise]))
        return float(-0.5 * (np.log(2 * np.pi) + 1 + logs.mean()))

    return over(best, rate)
