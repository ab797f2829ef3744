"""What the best linear code of this length would lose."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables
from explorer.observables.principal import principal_axes


def pca_loss(
    code: Float[np.ndarray, "sample code"],
    covariance: Float[np.ndarray, "dim dim"],
    evaluation_covariance: Float[np.ndarray, "dim dim"],
) -> float:
    """(tr Σ_e − tr V_nᵀ Σ_e V_n)/d, V_n the top n eigenvectors of the training data's Σ, Σ_e of the evaluation data.

    The loss per coordinate of principal components, fitted and evaluated as a cell is; 0 for n ≥ d. Where eigenvalues of Σ
    tie at n, V_n is the choice of LAPACK.
    """
    _, axes = principal_axes(covariance)
    rest = axes[:, code.shape[1] :]
    return float(max((rest * (evaluation_covariance.astype(np.float64) @ rest)).sum(), 0.0) / len(axes))


observables.register("pca_loss")(
    Observable(pca_loss, ("code", "covariance", "evaluation_covariance"), Interval(0, math.inf))
)
