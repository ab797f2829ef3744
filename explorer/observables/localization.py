"""How much each encoder row sits on few coordinates."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def localization(encoder: Float[np.ndarray, "code dim"]) -> float:
    """Mean over rows of Σ_j B_ij⁴ (inverse participation ratio): 1 for single coordinates, 3/(d + 2) for a random rotation."""
    return float((encoder.astype(np.float64) ** 4).sum(axis=1).mean())


observables.register("localization")(
    Observable(localization, ("encoder",), Interval(0, 1), rotation=lambda n, d: 3 / (d + 2), identity=1.0)
)
