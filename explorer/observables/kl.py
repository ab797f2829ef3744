"""How far the posterior of the code is from its prior."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def mean_kl(kl: Float[np.ndarray, "sample 1"]) -> float:
    """Mean over samples of KL(q(z|x) ‖ p(z)), in nats per input coordinate; 0 where the posterior has collapsed to the prior."""
    return float(kl.mean(dtype=np.float64))


observables.register("kl")(Observable(mean_kl, ("kl",), Interval(0, math.inf)))
