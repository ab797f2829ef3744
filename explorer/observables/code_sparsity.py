"""How much of each sample's code sits in few units."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def code_sparsity(code: Float[np.ndarray, "sample code"]) -> float:
    """Mean over samples of (√n − ‖z‖₁/‖z‖₂) / (√n − 1): 1 for one unit at a time, 0 where all |z_j| are equal, as for signs.

    Hoyer 2004, Journal of Machine Learning Research 5:1457. A zero sample counts as 1; 0 for n = 1.
    """
    if code.shape[1] == 1:
        return 0.0
    magnitude = np.abs(code.astype(np.float64))
    norms = np.sqrt((magnitude**2).sum(axis=1))
    root = np.sqrt(code.shape[1])
    ratio = np.divide(magnitude.sum(axis=1), norms, out=np.ones_like(norms), where=norms > 0)
    return float(((root - ratio) / (root - 1)).clip(0, 1).mean())


observables.register("code_sparsity")(Observable(code_sparsity, ("code",), Interval(0, 1)))
