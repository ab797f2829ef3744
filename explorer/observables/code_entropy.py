"""How many bits a code unit carries."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables

LEVELS = 256


def code_entropy(code: Float[np.ndarray, "sample code"]) -> float:
    """Mean over units of the entropy of their values in bits: 1 for balanced signs, 0 for a dead unit.

    −Σ_k f_k log₂ f_k + (K − 1)/(2N ln 2) (Miller–Madow), clipped to [0, log₂ K], for K values of frequencies f in N samples.
    n times this bounds the joint entropy. NaN for a continuous code: a unit of more than 256 values, or most values seen once.
    """
    ordered = np.sort(np.ascontiguousarray(code.T), axis=1)
    units, samples = ordered.shape
    first = np.ones(ordered.shape, dtype=bool)
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=first[:, 1:])
    levels = first.sum(axis=1)
    if levels.max() > LEVELS:
        return math.nan
    starts = np.flatnonzero(first)
    counts = np.diff(starts, append=ordered.size)
    if 2 * (counts == 1).sum() > len(counts):
        return math.nan
    frequency = counts / samples
    plug_in = np.bincount(starts // samples, weights=-frequency * np.log2(frequency), minlength=units)
    corrected = plug_in + (levels - 1) / (2 * samples * math.log(2))
    return float(corrected.clip(0, np.log2(levels)).mean())


observables.register("code_entropy")(Observable(code_entropy, ("code",), Interval(0, math.log2(LEVELS))))
