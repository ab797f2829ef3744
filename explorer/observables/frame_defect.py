"""How far an overcomplete encoder is from a tight frame."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def frame_defect(encoder: Float[np.ndarray, "code dim"]) -> float:
    """‖BᵀB − rI‖²_F / d, r = n/d: 0 for a tight frame (the Gaussian minimizer for r > 1), r(1 − r) for orthonormal rows, r < 1."""
    b = encoder.astype(np.float64)
    n, d = b.shape
    return float(((b.T @ b - (n / d) * np.eye(d)) ** 2).sum() / d)


observables.register("frame_defect")(Observable(frame_defect, ("encoder",), Interval(0, math.inf)))
