"""The evidence lower bound."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def mean_elbo(elbo: Float[np.ndarray, "sample 1"]) -> float:
    """Mean over samples of the evidence lower bound on ln p(x), in nats per input coordinate."""
    return float(elbo.mean(dtype=np.float64))


observables.register("elbo")(Observable(mean_elbo, ("elbo",), Interval(-math.inf, math.inf)))
