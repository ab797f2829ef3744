"""How far the encoder's rows are from orthonormal, and its columns from a tight frame."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def orthogonality(encoder: Float[np.ndarray, "code dim"]) -> float:
    """‖BBᵀ − I‖²_F / n: 0 for orthonormal rows (the Gaussian minimizer for r ≤ 1), at least r − 1 for r > 1."""
    b = encoder.astype(np.float64)
    return float(((b @ b.T - np.eye(len(b))) ** 2).sum() / len(b))


observables.register("orthogonality")(Observable(orthogonality, ("encoder",), Interval(0, math.inf), identity=0.0))
