"""Which code units say nothing."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def dead_units(code: Float[np.ndarray, "sample code"]) -> float:
    """Share of the units j with one value on all samples: max_i z_ij − min_i z_ij ≤ 1e-6 (1 + |mean_i z_ij|)."""
    spread = code.max(axis=0).astype(np.float64) - code.min(axis=0).astype(np.float64)
    return float((spread <= 1e-6 * (1 + np.abs(code.mean(axis=0, dtype=np.float64)))).mean())


observables.register("dead_units")(Observable(dead_units, ("code",), Interval(0, 1)))
