"""What the functions of this room share: checked arguments, broadcasting of scalar functions, quadrature on panels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from explorer.theory.sparse import BASES

Array = NDArray[np.float64]


def check_source(sparsity: float, base: str, shape: float | None = None) -> None:
    """Raises ValueError unless p ∈ (0, 1], the base is known, and a generalized Gaussian has a shape β > 0."""
    if not 0 < sparsity <= 1:
        raise ValueError(f"sparsity {sparsity!r} is outside (0, 1]")
    if base not in BASES:
        raise ValueError(f"no base {base!r}; expected one of {', '.join(BASES)}")
    if base == "generalized_gaussian" and (shape is None or not 0 < shape < np.inf):
        raise ValueError(f"base 'generalized_gaussian' with shape {shape!r}; expected a positive shape")


def check_rate(rate: float) -> None:
    """Raises ValueError unless r is finite and at least 0."""
    if not 0 <= rate < np.inf:
        raise ValueError(f"rate {rate!r} is outside [0, inf)")


def exponent(base: str, shape: float | None) -> float:
    """β of the generalized Gaussian that a base is: 1 for laplace, 2 for gaussian, its shape."""
    if base == "generalized_gaussian" and shape is not None:
        return float(shape)
    return {"laplace": 1.0, "gaussian": 2.0}[base]


def over(function: Callable[..., float], *arguments: ArrayLike) -> Array:
    """A function of scalars over arrays that broadcast; each distinct point is computed once."""
    arrays = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in arguments))
    known: dict[tuple[float, ...], float] = {}
    values = np.empty(arrays[0].shape)
    for index in np.ndindex(values.shape):
        point = tuple(float(a[index]) for a in arrays)
        if point not in known:
            known[point] = function(*point)
        values[index] = known[point]
    return values


@cache
def _legendre(count: int) -> tuple[Any, Any]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1) / 2, weights / 2


def panels(breaks: ArrayLike, count: int = 16) -> tuple[Array, Array]:
    """Gauss–Legendre nodes and weights, `count` for every interval between breaks along the last axis."""
    edges = np.asarray(breaks, dtype=float)
    nodes, weights = _legendre(count)
    low, width = edges[..., :-1, None], np.diff(edges)[..., None]
    flat = (*edges.shape[:-1], (edges.shape[-1] - 1) * count)
    return (low + width * nodes).reshape(flat), (width * weights).reshape(flat)
