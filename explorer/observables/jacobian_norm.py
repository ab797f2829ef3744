"""How fast the code changes with the input."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def jacobian_norm(jacobian: Float[np.ndarray, "sample 1"]) -> float:
    """Mean over samples of ‖∂z/∂x‖²_F, the contractive penalty of Rifai et al. 2011.

    ‖B‖²_F for a linear code, 0 for a constant one.
    """
    return float(jacobian.mean(dtype=np.float64))


observables.register("jacobian_norm")(Observable(jacobian_norm, ("jacobian",), Interval(0, math.inf)))
