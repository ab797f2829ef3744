"""How much a map's rows, of any norm, sit on few coordinates."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def pooled_localization(raw_encoder: Float[np.ndarray, "code dim"]) -> float:
    """Σ_ij B_ij⁴ / Σ_i (Σ_j B_ij²)²: the inverse participation ratio, a row weighted by its squared power; NaN for a zero matrix.

    `localization` where the rows have equal norms. The scale of B and zero rows do not matter.
    """
    power = raw_encoder.astype(np.float64) ** 2
    pooled = (power.sum(axis=1) ** 2).sum()
    return float((power**2).sum() / pooled) if pooled > 0 else float("nan")


observables.register("pooled_localization")(
    Observable(pooled_localization, ("raw_encoder",), Interval(0, 1), rotation=lambda n, d: 3 / (d + 2), identity=1.0)
)
