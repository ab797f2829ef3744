"""Whether the encoder reads the principal subspace."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables
from explorer.observables.principal import principal_axes


def subspace_distance(encoder: Float[np.ndarray, "code dim"], covariance: Float[np.ndarray, "dim dim"]) -> float:
    """‖P_B − P_n‖²_F / (2m), m = min(n, d), of the projectors on B's row space and on the top m eigenvectors: 0 where they agree.

    Equals (rank B + m − 2 tr P_B P_n)/(2m): of a row space of lower rank each missing dimension counts 1/(2m), a zero B 1/2;
    for n ≥ d a B of full rank has 0. The rank counts pivots of QR above 1e-6 of the first. Where eigenvalues tie at m (to 1e-6
    of the largest) the principal subspace is the one nearest to B's.
    """
    size = min(encoder.shape)
    factors: Any = scipy.linalg.qr(encoder.astype(np.float64).T, mode="economic", pivoting=True)
    basis, triangle, _ = factors
    pivots = np.abs(np.diag(triangle))
    rank = int((pivots > 1e-6 * pivots[0]).sum())
    values, axes = principal_axes(covariance)
    cosines = axes.T @ basis[:, :rank]
    edge = 1e-6 * abs(values[0])
    above = int((values > values[size - 1] + edge).sum())
    tied = cosines[above : int((values >= values[size - 1] - edge).sum())]
    overlap = (cosines[:above] ** 2).sum() + (np.linalg.svd(tied, compute_uv=False)[: size - above] ** 2).sum()
    return float(np.clip((rank + size - 2 * overlap) / (2 * size), 0, 1))


observables.register("subspace_distance")(Observable(subspace_distance, ("encoder", "covariance"), Interval(0, 1)))
