"""Whether the decoder is the encoder's transpose."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def tying(raw_encoder: Float[np.ndarray, "code dim"], decoder: Float[np.ndarray, "dim code"]) -> float:
    """Cosine between A and Bᵀ, ⟨A, Bᵀ⟩ / (‖A‖_F ‖B‖_F): 1 when A = a Bᵀ with a > 0. NaN where one is zero."""
    a, b = decoder.astype(np.float64), raw_encoder.astype(np.float64)
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return float((a * b.T).sum() / norms) if norms > 0 else float("nan")


observables.register("tying")(Observable(tying, ("raw_encoder", "decoder"), Interval(-1, 1)))
