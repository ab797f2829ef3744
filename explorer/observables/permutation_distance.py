"""How far an encoder is from reading single coordinates, each at most once."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def permutation_distance(encoder: Float[np.ndarray, "code dim"]) -> float:
    """min of ‖B − P‖²_F / (2n) over signed partial permutations P with min(n, d) entries; 0 in the identity phase.

    By assignment on −|B|.

    P has one ±1 in each matched row, in distinct columns; for n > d the n − d unmatched rows of P are zero.
    """
    magnitude = np.abs(encoder.astype(np.float64))
    rows, columns = linear_sum_assignment(-magnitude)
    squared = (encoder.astype(np.float64) ** 2).sum() - 2 * magnitude[rows, columns].sum() + len(rows)
    return float(max(squared, 0.0) / (2 * encoder.shape[0]))


observables.register("permutation_distance")(
    Observable(permutation_distance, ("encoder",), Interval(0, 1), identity=0.0)
)
