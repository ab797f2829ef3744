"""Constants of a cell that are drawn once from its seed, such as a rotation; words of Philox, so the same with any NumPy."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Int, UInt64
from scipy.special import ndtri

Purpose = Literal["rotation", "dictionary", "manifold", "frequencies", "phases", "rows"]
_PURPOSES: tuple[Purpose, ...] = get_args(Purpose)  # by position in the key: add at the end
# The words of training have small numbers in their key.
_FIRST = 2**32


def _words(seed: int, purpose: Purpose, count: int) -> UInt64[np.ndarray, " count"]:
    return np.random.Philox(key=[seed, _FIRST + _PURPOSES.index(purpose)]).random_raw(count)


def uniforms(seed: int, purpose: Purpose, *size: int) -> Float[np.ndarray, "..."]:
    """Uniforms on (0, 1), odd multiples of 2^-53."""
    return (((_words(seed, purpose, int(np.prod(size))) >> np.uint64(12)) + 0.5) * 2.0**-52).reshape(size)


def normals(seed: int, purpose: Purpose, *size: int) -> Float[np.ndarray, "..."]:
    """Standard normal draws."""
    return ndtri(uniforms(seed, purpose, *size))


def haar(seed: int, purpose: Purpose, rows: int, columns: int) -> Float[np.ndarray, "rows columns"]:
    """Orthonormal columns, uniform among all such; fewer columns are the first of more (up to rounding)."""
    q, r = np.linalg.qr(normals(seed, purpose, columns, rows).T)
    return q * np.where(np.diagonal(r) < 0, -1.0, 1.0)


def permutation(seed: int, purpose: Purpose, count: int) -> Int[np.ndarray, " count"]:
    """The numbers below `count` in random order."""
    return np.argsort(_words(seed, purpose, count), kind="stable")
