"""The largest entry of each encoder row."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def peak(encoder: Float[np.ndarray, "code dim"]) -> float:
    """Mean over rows of max_j |B_ij|: 1 for single coordinates, about √(2 ln d / d) for a random rotation."""
    return float(np.abs(encoder).max(axis=1).mean())


observables.register("peak")(Observable(peak, ("encoder",), Interval(0, 1), identity=1.0))
