"""Whether the decoder has found the atoms that the data are made of."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def dictionary_recovery(decoder: Float[np.ndarray, "dim code"], dictionary: Float[np.ndarray, "dim atom"]) -> float:
    """Mean over true atoms D_k of max_j |cos(D_k, A_j)|, A_j the decoder's columns: 1 where each atom is one of them up to scale.

    The setting is that of Rangamani et al. 2017 (arXiv 1708.03735). A zero column has cosine 0.
    """
    cosines = np.abs(_directions(dictionary).T @ _directions(decoder))
    return float(min(cosines.max(axis=1).mean(), 1.0))


def _directions(columns: Float[np.ndarray, "dim column"]) -> Float[np.ndarray, "dim column"]:
    a = columns.astype(np.float64)
    norms = np.linalg.norm(a, axis=0)
    return np.divide(a, norms, out=np.zeros_like(a), where=norms > 0)


observables.register("dictionary_recovery")(Observable(dictionary_recovery, ("decoder", "dictionary"), Interval(0, 1)))
