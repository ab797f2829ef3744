"""Which coordinates are read at all."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def coverage(encoder: Float[np.ndarray, "code dim"]) -> float:
    """Share of the min(n, d) coordinates that could be some row's peak and are; below 1 two rows share a coordinate.

    Number of distinct argmax_j |B_ij| over non-zero rows i, divided by min(n, d).
    """
    distinct = len(np.unique(np.abs(encoder[encoder.any(axis=1)]).argmax(axis=1)))
    return distinct / min(encoder.shape)


observables.register("coverage")(Observable(coverage, ("encoder",), Interval(0, 1), identity=1.0))
