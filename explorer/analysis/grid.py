"""Grids of an axis: even, or even on a logarithmic scale; the edges of their cells and the middle of a stretch."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEWEST_POINTS = 3


def scale(points: ArrayLike) -> str:
    """`log` for increasing positive points whose ratios are more even than their differences, else `linear`."""
    centres = np.asarray(points, dtype=float)
    if len(centres) < FEWEST_POINTS or centres[0] <= 0:
        return "linear"
    steps, ratios = np.diff(centres), np.diff(np.log(centres))
    return "log" if np.std(ratios) / np.mean(ratios) < 0.5 * np.std(steps) / np.mean(steps) else "linear"


def edges(points: ArrayLike) -> NDArray[np.float64]:
    """Edges of the cells around increasing points, half-way between neighbours on the points' own scale."""
    centres = np.asarray(points, dtype=float)
    if len(centres) == 1:
        half = 0.05 * abs(centres[0]) or 0.5
        return np.array([centres[0] - half, centres[0] + half])
    if scale(centres) == "log":
        return np.exp(_between(np.log(centres)))
    return _between(centres)


def _between(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def fine(points: ArrayLike, count: int) -> NDArray[np.float64]:
    """`count` points from the first to the last, even on the points' own scale."""
    centres = np.asarray(points, dtype=float)
    space = np.geomspace if scale(centres) == "log" else np.linspace
    return space(centres[0], centres[-1], count)


def part(low: float, high: float, share: float, how: str) -> float:
    """The point `share` of the way from low to high on a scale."""
    return float(low * (high / low) ** share) if how == "log" else low + share * (high - low)
