"""Least squares for a logistic rise: one curve, or many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import expit

FEWEST_POINTS = 4
SMALLEST_RISE = 0.2
MOST_STEPS = 400
SETTLED = 1e-8

Array = NDArray[np.float64]


def logistic(parameters: Array, x: Array) -> Array:
    """low + rise / (1 + exp(−(x − location) exp(−log_scale)))."""
    low, rise, location, log_scale = parameters
    return low + rise * expit((x - location) * np.exp(-log_scale))


def fit(x: Array, y: Array) -> Array | None:
    """Parameters of the logistic nearest to the present values; None without a rise or where it does not settle.

    The location is free to lie outside the data, so that a rise which is cut off is not pinned to their end.
    """
    present = np.isfinite(y)
    x, y = x[present], y[present]
    if len(x) < FEWEST_POINTS or np.ptp(y) < SMALLEST_RISE:
        return None
    start, lower, upper = (bound[0] for bound in _begin(x[None], y[None]))
    slopes: Any = lambda p: _slopes(x[None], p[None])[1][0].T  # noqa: E731
    fitted = least_squares(lambda p: logistic(p, x) - y, start, slopes, bounds=(lower, upper))
    return fitted.x if fitted.success else None


def _begin(x: Array, curves: Array) -> tuple[Array, Array, Array]:
    """A start for each curve, (curve, point), and the bounds of its parameters; each curve has at least one present value."""
    span, step = np.ptp(x, axis=1), np.diff(x, axis=1).min(axis=1)
    present = np.isfinite(curves)
    low = curves.min(axis=1, where=present, initial=np.inf)
    high = curves.max(axis=1, where=present, initial=-np.inf)
    row = np.arange(len(curves))
    first = curves[row, present.argmax(axis=1)]
    last = curves[row, curves.shape[1] - 1 - present[:, ::-1].argmax(axis=1)]
    sign = np.where(last >= first, 1.0, -1.0)
    beyond = np.argmax(sign[:, None] * (curves - ((low + high) / 2)[:, None]) > 0, axis=1)
    rise = np.where(last != first, last - first, sign * (high - low))
    start = np.stack([first, rise, x[row, beyond] - step / 2, np.log(span / 20)], axis=1)
    size = high - low
    lower = np.stack([low - 0.5 * size, -2 * size, x[:, 0] - span, np.log(step / 20)], axis=1)
    upper = np.stack([high + 0.5 * size, 2 * size, x[:, -1] + span, np.log(span)], axis=1)
    return np.clip(start, lower + 1e-9, upper - 1e-9), lower, upper


def locations(x: Array, curves: Array) -> Array:
    """The location that `fit` finds for each curve, (curve, point), missing values NaN; NaN where it finds none.

    All curves are fitted together; what does not settle there, one by one.
    """
    return locations_of([(x, curves)])[0]


def locations_of(families: Sequence[tuple[Array, Array]]) -> list[Array]:
    """The `locations` of several families of curves, each with its x, to the same bits as one by one.

    Families with equally many points are fitted together: a few curves settle slowly, and a step of few curves costs as much as one
    of many.
    """
    found = [np.full(len(curves), np.nan) for _, curves in families]
    alike: dict[int, list[int]] = {}
    for number, (x, _) in enumerate(families):
        alike.setdefault(len(x), []).append(number)
    for numbers in alike.values():
        curves = np.concatenate([families[number][1] for number in numbers])
        x = np.concatenate([np.broadcast_to(families[number][0], families[number][1].shape) for number in numbers])
        ends = np.cumsum([len(families[number][1]) for number in numbers])[:-1]
        for number, part in zip(numbers, np.split(_locations(x, curves), ends), strict=True):
            found[number] = part
    return found


def _locations(x: Array, curves: Array) -> Array:
    found = np.full(len(curves), np.nan)
    present = np.isfinite(curves)
    rise = curves.max(axis=1, where=present, initial=-np.inf) - curves.min(axis=1, where=present, initial=np.inf)
    rising = np.flatnonzero((present.sum(axis=1) >= FEWEST_POINTS) & (rise >= SMALLEST_RISE))
    if len(rising):
        found[rising] = _descend(x[rising], curves[rising])
    for row in rising[np.isnan(found[rising])]:
        fitted = fit(x[row], curves[row])
        found[row] = np.nan if fitted is None else fitted[2]
    return found


def _descend(x: Array, curves: Array) -> Array:
    """Levenberg and Marquardt's steps for all curves together, within the bounds of each; the locations, NaN where unsettled."""
    parameters, lower, upper = _begin(x, curves)
    damping = np.full(len(curves), 1e-3)
    size = np.ones_like(parameters)
    size[:, 2] = np.ptp(x, axis=1)
    moving = np.arange(len(curves))
    error, gradient, curvature = _linearised(x, curves, parameters)
    for _ in range(MOST_STEPS):
        step = _step(gradient, curvature, damping[moving], parameters[moving], lower[moving], upper[moving])
        trial = np.clip(parameters[moving] + step, lower[moving], upper[moving])
        moved = np.abs(trial - parameters[moving]) / size[moving]
        new_error, new_gradient, new_curvature = _linearised(x[moving], curves[moving], trial)
        better = new_error <= error
        still = better & (error - new_error <= SETTLED * error)
        parameters[moving[better]] = trial[better]
        error = np.where(better, new_error, error)
        gradient = np.where(better[:, None], new_gradient, gradient)
        curvature = np.where(better[:, None, None], new_curvature, curvature)
        damping[moving] = np.clip(np.where(better, damping[moving] / 10, damping[moving] * 10), 1e-12, 1e12)
        going = (moved.max(axis=1) > SETTLED) & ~still
        moving, error, gradient, curvature = moving[going], error[going], gradient[going], curvature[going]
        if not len(moving):
            break
    found = parameters[:, 2].copy()
    found[moving] = np.nan
    return found


def _step(gradient: Array, curvature: Array, damping: Array, parameters: Array, lower: Array, upper: Array) -> Array:
    """The damped Gauss–Newton step, parameters that press against a bound held still."""
    held = ((parameters <= lower) & (gradient > 0)) | ((parameters >= upper) & (gradient < 0))
    free = ~held
    matrix = curvature * (free[:, :, None] & free[:, None, :])
    diagonal = np.einsum("cii->ci", matrix)
    diagonal += damping[:, None] * diagonal + np.where(free, 1e-14, 1.0)
    return np.asarray(-np.linalg.solve(matrix, np.where(free, gradient, 0.0)[:, :, None])[:, :, 0], dtype=np.float64)


def _linearised(x: Array, curves: Array, parameters: Array) -> tuple[Array, Array, Array]:
    """Half the squared error of each curve, its gradient, and Gauss and Newton's matrix."""
    values, jacobian = _slopes(x, parameters)
    missing = np.isnan(curves)
    residual = np.where(missing, 0.0, values - curves)
    jacobian[np.broadcast_to(missing[:, None], jacobian.shape)] = 0.0
    gradient = np.einsum("cip,cp->ci", jacobian, residual)
    return 0.5 * (residual**2).sum(axis=1), gradient, jacobian @ jacobian.transpose(0, 2, 1)


def _slopes(x: Array, parameters: Array) -> tuple[Array, Array]:
    """The logistics of these parameters, (curve, point), and their derivatives, (curve, parameter, point)."""
    low, rise, location, log_scale = (parameters[:, [i]] for i in range(4))
    rate = np.exp(-log_scale)
    away = (x - location) * rate
    up = expit(away)
    slope = rise * up * (1 - up)
    return low + rise * up, np.stack([np.ones_like(up), up, -slope * rate, -slope * away], axis=1)
