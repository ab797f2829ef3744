"""Centring, scaling and whitening by the statistics of the training rows, in float64 and a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explorer.errors import StudyError

SCALINGS = ("none", "global", "standard")
WHITENINGS = ("none", "pca", "zca")
BLOCK_ENTRIES = 1 << 22

Matrix = NDArray[np.float32]
Vector = NDArray[np.float64]


def _blocks(rows: Matrix) -> Iterator[slice]:
    step = max(1, BLOCK_ENTRIES // rows.shape[1])
    return (slice(start, start + step) for start in range(0, len(rows), step))


@dataclass(frozen=True, eq=False)
class Transform:
    """x to ((x - mean) * factor) @ rotation; mean and factor (d,), rotation (d, d) or None for the identity."""

    mean: Vector
    factor: Vector
    rotation: NDArray[np.float64] | None = None

    def block(self, rows: Matrix) -> NDArray[np.float64]:
        """A few rows (n, d), transformed."""
        scaled = (rows - self.mean) * self.factor
        return scaled if self.rotation is None else scaled @ self.rotation

    def apply(self, rows: Matrix) -> Matrix:
        """Rows (n, d), transformed."""
        transformed = np.empty_like(rows)
        for part in _blocks(rows):
            transformed[part] = self.block(rows[part])
        return transformed


def fit(train: Matrix, scaling: str, whitening: str, shrinkage: float, where: str) -> Transform:
    """The transform of a scaling other than `none`; moments are divided by the number of rows.

    Raises StudyError, which begins with `where`, where all rows are equal.
    """
    mean = train.mean(axis=0, dtype=np.float64)
    centred = Transform(mean, np.ones_like(mean))
    variance = sum(np.square(centred.block(train[part])).sum(axis=0) for part in _blocks(train)) / len(train)
    # A constant's mean is rounded; its variance is to be 0, not 1e-34.
    variance = np.where(train.min(axis=0) == train.max(axis=0), 0.0, variance)
    if not variance.any():
        raise StudyError(f"{where}: found {len(train):,} training rows without variance, expected some to scale by.")
    if scaling == "global":
        factor = np.full_like(mean, 1 / np.sqrt(variance.mean()))
    else:
        factor = np.divide(1.0, np.sqrt(variance), out=np.zeros_like(mean), where=variance > 0)
    scaled = Transform(mean, factor)
    if whitening == "none":
        return scaled
    return Transform(mean, factor, _rotation(_covariance(train, scaled), whitening, shrinkage))


def _covariance(train: Matrix, transform: Transform) -> NDArray[np.float64]:
    total = np.zeros((train.shape[1], train.shape[1]))
    for part in _blocks(train):
        block = transform.block(train[part])
        total += block.T @ block
    return total / len(train)


def _rotation(covariance: NDArray[np.float64], whitening: str, shrinkage: float) -> NDArray[np.float64]:
    """The right factor that whitens: V f(λ) for pca, by falling eigenvalue, V f(λ) Vᵀ for zca; f(λ) = λ^(-1/2).

    λ is shrunk to (1 - s) λ + s mean(λ); f is 0 where that is zero up to rounding.
    """
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1].clip(min=0.0), vectors[:, ::-1]
    shrunk = (1 - shrinkage) * values + shrinkage * values.mean()
    above = shrunk > shrunk[0] * len(shrunk) * np.finfo(np.float64).eps
    factor = np.divide(1.0, np.sqrt(shrunk), out=np.zeros_like(shrunk), where=above)
    if whitening == "zca":
        return (vectors * factor) @ vectors.T
    # An eigenvector has no sign of its own: its largest entry is made positive.
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
    return vectors * np.where(largest < 0, -factor, factor)
