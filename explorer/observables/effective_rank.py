"""How many directions the code fills."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def effective_rank(code: Float[np.ndarray, "sample code"]) -> float:
    """exp(−Σ_k p_k ln p_k), p the eigenvalues of the code's covariance over their sum: k for k directions of equal variance.

    Roy & Vetterli 2007. Scale and rotation of the code do not matter. 0 for a constant code: spread below 1e-6 of its rms.
    """
    z = code.astype(np.float64)
    power = (z**2).sum()
    z -= z.mean(axis=0)
    variances = np.linalg.eigvalsh(z.T @ z if z.shape[0] > z.shape[1] else z @ z.T).clip(min=0)
    if variances.sum() <= 1e-12 * power:
        return 0.0
    share = variances[variances > 0] / variances.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


observables.register("effective_rank")(Observable(effective_rank, ("code",), Interval(0, math.inf)))
