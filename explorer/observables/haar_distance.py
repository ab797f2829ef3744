"""How far an encoder's entries are from those of a random rotation."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def haar_distance(encoder: Float[np.ndarray, "code dim"]) -> float:
    """Kolmogorov–Smirnov distance of the entries √d B_ij to N(0, 1): near 0 for a random rotation, towards 1/2 for the identity."""
    entries = np.sort(encoder.astype(np.float64).ravel()) * np.sqrt(encoder.shape[1])
    expected = ndtr(entries)
    steps = np.arange(len(entries) + 1) / len(entries)
    return float(max((steps[1:] - expected).max(), (expected - steps[:-1]).max()))


observables.register("haar_distance")(
    Observable(haar_distance, ("encoder",), Interval(0, 1), rotation=lambda n, d: 0.0)
)
