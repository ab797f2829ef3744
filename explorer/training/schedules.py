"""Learning-rate schedules: a factor in [0, 1] of the peak rate."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

SCHEDULES = ("constant", "linear", "cosine", "plateau")


def factors(schedule: str, step: Int[np.ndarray, "*size"], steps: int) -> Float[np.ndarray, "*size"]:
    """The factor at `step` = 0 … steps − 1: 1 (constant), 1 − s (linear), (1 + cos πs)/2 (cosine), s = step/steps."""
    progress = step / steps
    if schedule == "constant":
        return np.ones_like(progress)
    if schedule == "linear":
        return 1.0 - progress
    return 0.5 * (1 + np.cos(np.pi * progress))
