"""How well curves of several sizes fall on one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from explorer.analysis.scaling.curves import Array, Curves

FEWEST_EACH = 2


def quality(
    curves: Curves, critical: float, nu: float, exponent: float = 0.0, values: ArrayLike | None = None
) -> Array:
    """S, the mean squared distance of each point from the master curve of the other sizes, in units of its error.

        S = (1/N) Σ_ij (y_ij − Y_ij)² / (dy_ij² + dY_ij²),  x = (p − p_c) L^(1/ν),  y = m L^(β/ν)

    Y_ij ± dY_ij is the value at x_ij of the straight line fitted, by weighted least squares, to the two points on
    either side of x_ij from every other size that has them; points without are left out of the N. S is about 1 for a
    collapse within errors, much larger for none, and inf where fewer than two points of some size have a master
    curve.

    Arguments: p_c in units of the axis, ν > 0, β/ν as `exponent`; `values` (…, point) in place of the curves' means,
    for many resamples at once. Returns S, of the shape of `values` without its last axis.

    Reference: J. Houdayer and A. K. Hartmann, Phys. Rev. B 70, 014418 (2004), eqs 8–11.
    """
    known, residual = _residuals(curves, critical, nu, exponent)
    y = np.asarray(curves.mean if values is None else values, dtype=float)
    if np.bincount(curves.owner[known], minlength=len(curves.sizes)).min() < FEWEST_EACH:
        return np.full(y.shape[:-1], np.inf)
    return np.asarray(((y @ residual.T) ** 2).mean(axis=-1))


def _residuals(curves: Curves, critical: float, nu: float, exponent: float) -> tuple[NDArray[np.bool_], Array]:
    """Which points have a master curve, and the matrix (such point, point) that makes (y − Y) / sqrt(dy² + dY²) of unscaled means."""
    stretch = curves.sizes[curves.owner]
    x = (curves.points - critical) * stretch ** (1 / nu)
    scale = stretch**exponent
    variance = (curves.se * scale) ** 2
    weight = 1 / variance
    first = np.searchsorted(curves.owner, np.arange(len(curves.sizes) + 1))
    columns: list[NDArray[np.intp]] = []
    rows: list[NDArray[np.intp]] = []
    for other in range(len(curves.sizes)):
        begin, end = first[other], first[other + 1]
        left = np.searchsorted(x[begin:end], x, side="right") - 1
        at = np.flatnonzero((curves.owner != other) & (left >= 0) & (left < end - begin - 1))
        rows += [at, at]
        columns += [begin + left[at], begin + left[at] + 1]
    row, column = np.concatenate(rows), np.concatenate(columns)
    # About x_ij, so that the line's height there is its intercept.
    away, w = x[column] - x[row], weight[column]
    k, kx, kxx = (np.bincount(row, weights=v, minlength=len(x)) for v in (w, w * away, w * away**2))
    delta = k * kxx - kx**2
    known = delta > 1e-12 * k * kxx
    delta = np.where(known, delta, 1.0)
    distance = np.zeros((len(x), len(x)))
    distance[row, column] = -w * (kxx[row] - kx[row] * away) / delta[row]
    distance[np.arange(len(x)), np.arange(len(x))] = 1.0
    distance *= scale / np.sqrt(variance + kxx / delta)[:, None]
    return known, distance[known]


def overlapping(curves: Curves, critical: float, nu: float) -> int:
    """N of S: how many points have a master curve from the other sizes."""
    return int(_residuals(curves, critical, nu, 0.0)[0].sum())
