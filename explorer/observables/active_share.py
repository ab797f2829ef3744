"""How many code units are on."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def active_share(code: Float[np.ndarray, "sample code"]) -> float:
    """Share of the entries with |z_ij| > 1e-6 max |z|: 1 for signs, about 1/2 for a ReLU code, 0 for a zero code."""
    magnitude = np.abs(code)
    return float((magnitude > 1e-6 * float(magnitude.max())).mean())


observables.register("active_share")(Observable(active_share, ("code",), Interval(0, 1)))
