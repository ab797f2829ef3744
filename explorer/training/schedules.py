"""Learning-rate schedules: a factor in [0, 1] of the peak rate."""

from __future__ import annotations

import math


def factor(schedule: str, step: int, steps: int) -> float:
    """The factor at `step` = 0 … steps − 1: 1 (constant), 1 − s (linear), (1 + cos πs)/2 (cosine), s = step/steps."""
    progress = step / steps
    if schedule == "constant":
        return 1.0
    if schedule == "linear":
        return 1.0 - progress
    return 0.5 * (1 + math.cos(math.pi * progress))
