"""How well curves of several sizes fall on one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from explorer.analysis.scaling.curves import STENCIL, Array, Curves, cubic

FEWEST_EACH = 2


@dataclass(frozen=True, slots=True)
class Master:
    """Points between which the master curve is straight: those of the curves, or more of them.

    Each is a sum of `share` (point, stencil) of the curves' points `columns` (point, stencil); `se` is its error.
    """

    owner: NDArray[np.int64]
    points: Array
    se: Array
    columns: NDArray[np.intp]
    share: Array


def quality(
    curves: Curves,
    critical: float,
    nu: float,
    exponent: float = 0.0,
    values: ArrayLike | None = None,
    master: Master | None = None,
) -> Array:
    """S, the mean squared distance of each point from the master curve of the other sizes, in units of its error.

        S = (1/N) Σ_ij (y_ij − Y_ij)² / (dy_ij² + dY_ij²),  x = (p − p_c) L^(1/ν),  y = m L^(β/ν)

    Y_ij ± dY_ij is the value at x_ij of the straight line fitted, by weighted least squares, to the two points on
    either side of x_ij from every other size that has them; points without are left out of the N. S is about 1 for a
    collapse within errors, much larger for none, and inf where fewer than two points of some size have a master
    curve.

    Arguments: p_c in units of the axis, ν > 0, β/ν as `exponent`; `values` (…, point) in place of the curves' means,
    for many resamples at once; `master`, points of `refined` in place of those of the curves. Returns S, of the shape
    of `values` without its last axis.

    Reference: J. Houdayer and A. K. Hartmann, Phys. Rev. B 70, 014418 (2004), eqs 8–11.
    """
    known, residual = _residuals(curves, master or refined(curves, 1), critical, nu, exponent)
    y = np.asarray(curves.mean if values is None else values, dtype=float)
    if np.bincount(curves.owner[known], minlength=len(curves.sizes)).min() < FEWEST_EACH:
        return np.full(y.shape[:-1], np.inf)
    return np.asarray(((y @ residual.T) ** 2).mean(axis=-1))


def overlapping(curves: Curves, critical: float, nu: float) -> int:
    """N of S: how many points have a master curve from the other sizes."""
    return int(_residuals(curves, refined(curves, 1), critical, nu, 0.0)[0].sum())


def refined(curves: Curves, pieces: int) -> Master:
    """The points of the curves, and between neighbours `pieces` − 1 more, on the cubic through the four nearest points of the size.

    Where the cubic would multiply the noise of the points, because they are unevenly spaced, they lie on the straight
    line.
    """
    owner, points, columns, share = [], [], [], []
    for i in range(len(curves.sizes)):
        own = np.flatnonzero(curves.owner == i)
        p = curves.points[own]
        where = np.interp(np.arange((len(p) - 1) * pieces + 1) / pieces, np.arange(len(p)), p)
        stencil, weights = cubic(p, where)
        missing = ((0, 0), (0, STENCIL - stencil.shape[1]))
        owner.append(np.full(len(where), i))
        points.append(where)
        columns.append(np.pad(own[stencil], missing, mode="edge"))
        share.append(np.pad(weights, missing))
    column, weight = np.concatenate(columns), np.concatenate(share)
    se = np.sqrt((weight**2 * curves.se[column] ** 2).sum(axis=1))
    return Master(np.concatenate(owner), np.concatenate(points), se, column, weight)


def _residuals(
    curves: Curves, master: Master, critical: float, nu: float, exponent: float
) -> tuple[NDArray[np.bool_], Array]:
    """Which points have a master curve, and the matrix (such point, point) that makes (y − Y) / sqrt(dy² + dY²) of unscaled means."""
    count = len(curves.points)
    stretch, scale = curves.sizes ** (1 / nu), curves.sizes**exponent
    x = (curves.points - critical) * stretch[curves.owner]
    theirs = (master.points - critical) * stretch[master.owner]
    weight = (master.se * scale[master.owner]) ** -2
    first = np.searchsorted(master.owner, np.arange(len(curves.sizes) + 1))
    neighbours: list[NDArray[np.intp]] = []
    rows: list[NDArray[np.intp]] = []
    for other in range(len(curves.sizes)):
        begin, end = first[other], first[other + 1]
        left = np.searchsorted(theirs[begin:end], x, side="right") - 1
        at = np.flatnonzero((curves.owner != other) & (left >= 0) & (left < end - begin - 1))
        rows += [at, at]
        neighbours += [begin + left[at], begin + left[at] + 1]
    row, neighbour = np.concatenate(rows), np.concatenate(neighbours)
    # About x_ij, so that the line's height there is its intercept.
    away, w = theirs[neighbour] - x[row], weight[neighbour]
    k, kx, kxx = (np.bincount(row, weights=v, minlength=count) for v in (w, w * away, w * away**2))
    delta = k * kxx - kx**2
    known = delta > 1e-12 * k * kxx
    delta = np.where(known, delta, 1.0)
    height = w * (kxx[row] - kx[row] * away) / delta[row] * scale[master.owner[neighbour]]
    entries = (height[:, None] * master.share[neighbour]).ravel()
    places = (row[:, None] * count + master.columns[neighbour]).ravel()
    distance = -np.bincount(places, weights=entries, minlength=count * count).reshape(count, count).astype(float)
    own = scale[curves.owner]
    distance[np.arange(count), np.arange(count)] += own
    distance /= np.sqrt((curves.se * own) ** 2 + kxx / delta)[:, None]
    return known, distance[known]
