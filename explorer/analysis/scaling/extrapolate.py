"""Power laws in the system size: where a location goes, and how a width shrinks, as the size grows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.stats import chi2 as chi_squared

from explorer.errors import AnalysisError

FEWEST_SIZES = 3
SMALLEST_NU, LARGEST_NU = 0.1, 10.0
# A location that a constant describes at least this well has not been seen to move.
STILL_ABOVE = 0.05
POOR_BELOW = 0.01
_EXPONENTS = np.geomspace(1 / LARGEST_NU, 1 / SMALLEST_NU, 241)

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """A fit of p_c + a L^(−1/ν), or of b L^(−1/ν) where `critical` is missing by design.

    `covariance` is that of (p_c, ν, a), NaN where a parameter was not fitted; the errors are its roots. `chi2` is the
    weighted sum of squared residuals with `dof` degrees of freedom. What could not be found is None, and `note` says
    why.
    """

    critical: float | None = None
    critical_se: float | None = None
    nu: float | None = None
    nu_se: float | None = None
    amplitude: float | None = None
    amplitude_se: float | None = None
    covariance: Array | None = None
    chi2: float | None = None
    dof: int = 0
    note: str = ""


def extrapolate(sizes: ArrayLike, locations: ArrayLike, errors: ArrayLike | None = None) -> PowerLaw:
    """Where the location of a transition goes as the size grows: location(L) = p_c + a L^(−1/ν).

    Weighted least squares in (p_c, a, ln ν), for ν from 0.1 to 10, started at every local minimum of the profile of
    χ² over ν (p_c and a are linear given ν).

    Arguments: `sizes` (size,), positive, no two alike; `locations` (size,), in units of the axis; `errors` (size,),
    their standard errors, positive; without them all sizes weigh alike and the scatter about the fit takes their
    place.

    Where a constant describes the locations (χ² test, probability above 0.05), ν is unidentifiable: p_c is the
    weighted mean, ν and a are None. Fewer than three sizes and a ν that leaves [0.1, 10] give no p_c. Either way
    `note` says so.

    Raises AnalysisError for unlike shapes, and sizes, locations or errors that are no such numbers.

    Reference: M. E. Fisher and M. N. Barber, Phys. Rev. Lett. 28, 1516 (1972), eq. 9 (the shift exponent taken as 1/ν).
    """
    L, y, se = _checked("extrapolate", sizes, locations, errors, "locations")
    if len(L) < FEWEST_SIZES:
        return PowerLaw(
            note=f"found {len(L)} size{'s' * (len(L) != 1)}; an extrapolation needs at least {FEWEST_SIZES}"
        )
    weight = se**-2
    mean = float(weight @ y / weight.sum())
    constant = float(weight @ (y - mean) ** 2)
    still = chi_squared.sf(constant, len(L) - 1) > STILL_ABOVE if errors is not None else np.ptp(y) <= 1e-12 * abs(mean)
    if still:
        covariance = np.full((3, 3), np.nan)
        covariance[0, 0] = 1 / weight.sum() if errors is not None else constant / (len(L) - 1) / len(L)
        note = "the location does not move with the size within its errors: p_c is the weighted mean, nu unidentifiable"
        return _law(mean, None, None, covariance, constant, len(L) - 1, note)
    unit = float(np.exp(np.log(L).mean()))
    fits = []
    for exponent in _local_minima(L, y, weight):
        critical, amplitude = _linear(L, y[None], weight, np.array([exponent]), unit)
        start = [critical[0], amplitude[0], math.log(exponent)]
        scale = [np.ptp(y), np.ptp(y), 1.0]
        fits.append(least_squares(lambda p: (_power(p, L / unit) - y) / se, start, x_scale=scale, method="trf"))
    if not fits:
        return PowerLaw(dof=len(L) - 3, note=_runaway(L, y, weight))
    best = min(fits, key=lambda fit: fit.cost)
    critical, scaled, log_exponent = (float(v) for v in best.x)
    exponent = math.exp(log_exponent)
    if not 1 / LARGEST_NU < exponent < 1 / SMALLEST_NU:
        return PowerLaw(dof=len(L) - 3, note=_runaway(L, y, weight))
    amplitude = scaled * unit**exponent
    dof = len(L) - 3
    information = best.jac.T @ best.jac
    turn = np.array(
        [[1, 0, 0], [0, 0, -1 / exponent], [0, unit**exponent, amplitude * math.log(unit) * exponent]]
    )  # d(p_c, ν, a) by d(p_c, scaled a, ln 1/ν)
    spread = 1.0 if errors is not None else 2 * best.cost / dof if dof else np.nan
    covariance = spread * turn @ np.linalg.pinv(information, rcond=1e-14, hermitian=True) @ turn.T
    misfit = 2 * float(best.cost)
    notes = []
    if errors is not None and dof and chi_squared.sf(misfit, dof) < POOR_BELOW:
        notes.append(f"the power law does not describe the locations: chi2 = {misfit:.3g} for {dof} degrees of freedom")
    if covariance[1, 1] > 1 / exponent**2:
        notes.append("nu is hardly determined: its error is larger than itself")
    return _law(critical, 1 / exponent, amplitude, covariance, misfit, dof, "; ".join(notes))


def narrowing(sizes: ArrayLike, widths: ArrayLike, errors: ArrayLike | None = None) -> PowerLaw:
    """How the width of a transition shrinks with the size: w(L) = b L^(−1/ν).

    Weighted least squares in (ln b, 1/ν), started at the regression of ln w on ln L. Arguments as for `extrapolate`;
    widths are positive, in units of the axis. `amplitude` is b. A width that does not shrink within its errors leaves
    ν None (b is then the mean width), and fewer than three sizes or a ν outside [0.1, 10] are refused; `note` says
    so.

    Raises AnalysisError as `extrapolate` does, and for a width that is not positive.
    """
    L, w, se = _checked("narrowing", sizes, widths, errors, "widths")
    if (w <= 0).any():
        raise AnalysisError(f"narrowing: found a width of {w.min():g}, expected positive numbers.")
    if len(L) < FEWEST_SIZES:
        return PowerLaw(note=f"found {len(L)} size{'s' * (len(L) != 1)}; an exponent needs at least {FEWEST_SIZES}")
    weight = se**-2
    mean = float(weight @ w / weight.sum())
    constant = float(weight @ (w - mean) ** 2)
    if chi_squared.sf(constant, len(L) - 1) > STILL_ABOVE if errors is not None else np.ptp(w) <= 1e-12 * mean:
        covariance = np.full((3, 3), np.nan)
        covariance[2, 2] = 1 / weight.sum() if errors is not None else constant / (len(L) - 1) / len(L)
        note = "the width does not shrink with the size within its errors: nu unidentifiable"
        return _law(None, None, mean, covariance, constant, len(L) - 1, note)
    unit = float(np.exp(np.log(L).mean()))
    slope, height = np.polyfit(np.log(L / unit), np.log(w), 1, w=w / se)
    best = least_squares(lambda p: (np.exp(p[0]) * (L / unit) ** -p[1] - w) / se, [height, -slope], x_scale="jac")
    exponent, dof = float(best.x[1]), len(L) - 2
    if not 1 / LARGEST_NU < exponent < 1 / SMALLEST_NU:
        return PowerLaw(
            dof=dof, note=f"the width falls as L^{-exponent:.3g}: no nu in [{SMALLEST_NU:g}, {LARGEST_NU:g}]"
        )
    amplitude = math.exp(float(best.x[0])) * unit**exponent
    turn = np.array([[0, 0], [0, -1 / exponent**2], [amplitude, amplitude * math.log(unit)]])
    spread = 1.0 if errors is not None else 2 * best.cost / dof
    covariance = spread * turn @ np.linalg.pinv(best.jac.T @ best.jac, rcond=1e-14, hermitian=True) @ turn.T
    covariance[0, :] = covariance[:, 0] = np.nan
    misfit, note = 2 * float(best.cost), ""
    if errors is not None and chi_squared.sf(misfit, dof) < POOR_BELOW:
        note = f"the power law does not describe the widths: chi2 = {misfit:.3g} for {dof} degrees of freedom"
    return _law(None, 1 / exponent, amplitude, covariance, misfit, dof, note)


def power_laws(sizes: Array, locations: Array, errors: Array) -> Array:
    """(p_c, ν, a) of many sets of locations, (set, size), with the same errors, (size,); returns (set, 3).

    The minimum of the profile of χ² on 241 values of 1/ν, refined by a parabola. A set whose ν leaves [0.1, 10] is
    given the value at that end, so that resamples which run away widen an interval instead of dropping out of it; a
    set with a missing location is NaN.
    """
    unit, weight = float(np.exp(np.log(sizes).mean())), errors**-2
    found = np.full((len(locations), 3), np.nan)
    whole = np.isfinite(locations).all(axis=1)
    if not whole.any():
        return found
    profile = _profile(sizes, locations[whole], weight)
    at = profile.argmin(axis=1)
    middle = np.clip(at, 1, len(_EXPONENTS) - 2)
    before, here, after = (np.take_along_axis(profile, middle[:, None] + k, axis=1)[:, 0] for k in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = np.where((at == middle) & (bend > 0), (before - after) / np.where(bend > 0, 2 * bend, 1.0), 0.0)
    step = math.log(_EXPONENTS[1] / _EXPONENTS[0])
    exponent = _EXPONENTS[at] * np.exp(step * np.clip(shift, -0.5, 0.5))
    critical, amplitude = _linear(sizes, locations[whole], weight, exponent, unit)
    found[whole] = np.stack([critical, 1 / exponent, amplitude * unit**exponent], axis=1)
    return found


def _law(
    critical: float | None,
    nu: float | None,
    amplitude: float | None,
    covariance: Array,
    chi2: float,
    dof: int,
    note: str,
) -> PowerLaw:
    errors = [float(np.sqrt(v)) if np.isfinite(v) else None for v in np.diag(covariance)]
    return PowerLaw(critical, errors[0], nu, errors[1], amplitude, errors[2], covariance, chi2, dof, note)


def _checked(
    purpose: str, sizes: ArrayLike, values: ArrayLike, errors: ArrayLike | None, named: str
) -> tuple[Array, Array, Array]:
    """Sizes in increasing order with their values and errors."""
    try:
        L, y = np.asarray(sizes, dtype=float), np.asarray(values, dtype=float)
        se = np.ones_like(y) if errors is None else np.asarray(errors, dtype=float)
    except (TypeError, ValueError) as error:
        raise AnalysisError(
            f"{purpose}: found entries that are no numbers, expected sizes, {named} and errors."
        ) from error
    if L.ndim != 1 or not L.shape == y.shape == se.shape:
        raise AnalysisError(
            f"{purpose}: found sizes, {named} and errors of shapes {L.shape}, {y.shape} and {se.shape}, expected three of one length."
        )
    if not (np.isfinite(L).all() and (L > 0).all() and len(np.unique(L)) == len(L)):
        raise AnalysisError(f"{purpose}: found sizes {_listed(L)}, expected positive numbers, each once.")
    if not np.isfinite(y).all():
        raise AnalysisError(f"{purpose}: found {named} {_listed(y)}, expected finite numbers.")
    if not (np.isfinite(se).all() and (se > 0).all()):
        raise AnalysisError(f"{purpose}: found errors {_listed(se)}, expected positive numbers.")
    order = np.argsort(L)
    return L[order], y[order], se[order]


def _listed(values: Array) -> str:
    return ", ".join(f"{v:g}" for v in values[:6]) + (", …" if len(values) > 6 else "")


def _power(parameters: Array, ratio: Array) -> Array:
    return parameters[0] + parameters[1] * ratio ** -np.exp(parameters[2])


def _linear(sizes: Array, locations: Array, weight: Array, exponent: Array, unit: float) -> tuple[Array, Array]:
    """p_c and the amplitude at L = `unit` of each set of locations, (set, size), at its exponent 1/ν, (set,)."""
    u = (sizes / unit) ** -exponent[:, None]
    share = weight / weight.sum()
    centre, mean = u @ share, locations @ share
    away = u - centre[:, None]
    amplitude = (weight * away * locations).sum(axis=1) / (weight * away**2).sum(axis=1)
    return mean - amplitude * centre, amplitude


def _profile(sizes: Array, locations: Array, weight: Array) -> Array:
    """χ² of each set of locations, (set, size), at each exponent 1/ν with the best p_c and a; (set, exponent)."""
    u = (sizes / sizes.min()) ** -_EXPONENTS[:, None]
    share = weight / weight.sum()
    away = u - (u @ share)[:, None]
    centred = locations - (locations @ share)[:, None]
    explained = (centred @ (weight * away).T) ** 2 / (weight * away**2).sum(axis=1)
    return (weight * centred**2).sum(axis=1)[:, None] - explained


def _local_minima(sizes: Array, locations: Array, weight: Array) -> Array:
    """Exponents 1/ν at which the profile of χ² is lower than at both neighbours."""
    profile = _profile(sizes, locations[None], weight)[0]
    inner = (profile[1:-1] <= profile[:-2]) & (profile[1:-1] <= profile[2:])
    return _EXPONENTS[1:-1][inner]


def _runaway(sizes: Array, locations: Array, weight: Array) -> str:
    """Why there is no p_c: at which end of its range ν would like to be."""
    profile = _profile(sizes, locations[None], weight)[0]
    if profile[0] < profile[-1]:
        return f"the fit runs away: the location moves no slower at large sizes than at small, nu above {LARGEST_NU:g}"
    return f"the fit runs away: only the smallest size lies elsewhere, nu below {SMALLEST_NU:g}"
