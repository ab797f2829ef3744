"""Principal axes of a second-moment matrix, computed once for the cells that share it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float


def principal_axes(
    covariance: Float[np.ndarray, "dim dim"],
) -> tuple[Float[np.ndarray, " dim"], Float[np.ndarray, "dim dim"]]:
    """Eigenvalues from the largest down, and their eigenvectors as columns; read-only."""
    return _eigh(covariance.astype(np.float64).tobytes(), len(covariance))


@lru_cache(maxsize=4)
def _eigh(
    entries: bytes, dimension: int
) -> tuple[Float[np.ndarray, " dimension"], Float[np.ndarray, "dimension dimension"]]:
    found = np.linalg.eigh(np.frombuffer(entries).reshape(dimension, dimension))
    values, vectors = found.eigenvalues[::-1], np.ascontiguousarray(found.eigenvectors[:, ::-1])
    for array in (values, vectors):
        array.flags.writeable = False
    return values, vectors
