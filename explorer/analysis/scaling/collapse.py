"""Data collapse: the critical point and exponents at which the curves of all sizes fall on one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

from explorer.analysis.bootstrap import Spread
from explorer.analysis.scaling.curves import Array, Curves, curves
from explorer.analysis.scaling.extrapolate import LARGEST_NU, SMALLEST_NU
from explorer.analysis.scaling.quality import overlapping, quality, refined

FEWEST_SIZES = 2
FEWEST_POINTS = 3
LARGEST_EXPONENT = 3.0
STARTS = 3
PIECES = 4
POOR_ABOVE = 4.0
_POINTS, _NUS, _EXPONENTS = 25, np.geomspace(0.25, 4.0, 9), (-0.25, 0.0, 0.125, 0.25, 0.5, 1.0)
# Levels a parameter has on the grids that find the resamples' minima: to see how far they spread, and then where they are.
COARSE, FINE = {2: 7, 3: 5}, {2: 13, 3: 9}
REACH, MOST_WIDENINGS, MOST_INSIDE = 3.5, 6, 0.95
PARAMETERS = ("critical", "nu", "exponent")


@dataclass(frozen=True, slots=True)
class Collapse:
    """p_c, ν and β/ν of the best collapse, each None where `note` says why there is none.

    Errors in two ways. `critical_se`, `nu_se`, `exponent_se` and the 95 % `intervals` are from the bootstrap.
    `contours` are half-widths of the region S < S_min + 1 along each parameter with the others free. S is a *reduced*
    χ², so the contour is wider than one standard error, by about √N. `quality` is S_min, `points` its N. `scaled`
    holds what fell on one curve: size, x, y and the error of y.
    """

    critical: float | None = None
    critical_se: float | None = None
    nu: float | None = None
    nu_se: float | None = None
    exponent: float | None = None
    exponent_se: float | None = None
    quality: float | None = None
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    contours: dict[str, float] = field(default_factory=dict)
    points: int = 0
    sizes: tuple[float, ...] = ()
    seeds: int = 0
    scaled: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["size", "x", "y", "se"], dtype=float))
    note: str = ""


def collapse(
    table: pd.DataFrame,
    along: str,
    order: str,
    size: str = "dimension",
    seed: str = "seed",
    exponent: float | None = 0.0,
    error: str | None = None,
) -> Collapse:
    """The p_c and ν at which y = m L^(β/ν) of every size is one function of x = (p − p_c) L^(1/ν).

    Minimises the quality S of Houdayer and Hartmann (see `quality`) by Nelder and Mead's method from the four best of
    a scan over p_c and ν (and β/ν). Grids and errors may differ from size to size. Between neighbouring points of a
    size the master curve has three more, on the cubic through the nearest four (see `refined`): a straight line
    across a coarse grid misses the curve by more than its errors.

    Arguments: `table`, one row a replicate, with columns `along`, `order`, `size` > 0 and, where it is there, `seed`;
    or one row an average, with its standard error in the column `error`. `exponent` is β/ν: 0 for what needs no
    rescaling (a Binder cumulant, a spanning probability, localization), another number, or None to fit it, within ±3.
    ν lies in [0.1, 10] and p_c inside the data.

    The bootstrap resamples whole seeds across all sizes and points (averages: adds normal noise of the size of their
    errors), the errors in S held, and finds the minimum of S of each resample on a grid that reaches 3.5 of their
    standard deviations, with parabolas between. Where S > 1 its errors and intervals are widened by √S: straight
    lines between points of a coarse grid, and corrections to scaling, move the minimum in a way that no resample
    shows. Points that share seeds are correlated, of which S knows nothing: S is then no χ².

    Fewer than two sizes with three points, points without errors, and a minimum at the end of a range give None and a
    note. Raises AnalysisError for a missing or non-numeric column, sizes that are not positive and errors that are
    negative or missing.

    References: J. Houdayer and A. K. Hartmann, Phys. Rev. B 70, 014418 (2004); O. Melchert, arXiv:0910.5403 (2009),
    for the contour S_min + 1.
    """
    found = curves(table, along, order, size, seed, error, "collapse")
    return Collapse(note=found) if isinstance(found, str) else collapse_curves(found, exponent)


def collapse_curves(data: Curves, exponent: float | None = 0.0) -> Collapse:
    """`collapse` of curves that are made already."""
    data, left_out = _long_enough(data)
    if len(data.mean) and np.ptp(data.mean) <= 1e-12 * np.abs(data.mean).max():
        return Collapse(seeds=data.seeds, note=f"one value throughout, {data.mean[0]:g}: nothing to collapse")
    if len(data.sizes) < FEWEST_SIZES:
        note = f"{len(data.sizes)} size{'s' * (len(data.sizes) != 1)} with {FEWEST_POINTS} points or more; a collapse needs at least 2"
        return Collapse(seeds=data.seeds, note="; ".join([note, *left_out]))
    fitted = 3 if exponent is None else 2

    def parts(theta: Array) -> tuple[float, float, float]:
        return float(theta[0]), math.exp(theta[1]), float(theta[2]) if exponent is None else exponent

    low, high = float(data.points.min()), float(data.points.max())
    master = refined(data, PIECES)

    def surface(theta: Array, values: Array | None = None) -> Array:
        critical, nu, beta = parts(np.append(theta[:1], np.clip(theta[1:], -4, 4)))
        if not (low <= critical <= high and SMALLEST_NU <= nu <= LARGEST_NU and abs(beta) <= LARGEST_EXPONENT):
            return np.full(() if values is None else len(values), np.inf)
        return quality(data, critical, nu, beta, values, master)

    begin = _starts(data, surface, exponent)
    if not begin:
        return Collapse(seeds=data.seeds, note="the curves of the sizes do not overlap enough at any p_c and nu")
    step = np.array([(high - low) / _POINTS, 0.2, 0.1])[:fitted]
    ends = []
    for start in begin:
        end = minimize(
            lambda z, start=start: float(surface(start + step * z)),
            np.zeros(fitted),
            method="Nelder-Mead",
            options={"initial_simplex": np.vstack([np.zeros(fitted), np.eye(fitted)]), "xatol": 1e-4, "fatol": 1e-6},
        )
        ends.append((float(end.fun), start + step * end.x))
    least, best = min(ends, key=lambda end: end[0])
    critical, nu, beta = parts(best)
    edge = _at_an_end(critical, nu, beta, low, high)
    if edge:
        return Collapse(seeds=data.seeds, note=f"no collapse: the quality is best at {edge}")
    contours, resampled = _around(surface, best, least, step, data)
    spreads, notes = _bootstrap(data, best, resampled, math.sqrt(max(least, 1.0)))
    if least > POOR_ABOVE:
        notes.append(f"S = {least:.3g}: the curves do not collapse within their errors")
    L = data.sizes[data.owner]
    scaled = pd.DataFrame(
        {"size": L, "x": (data.points - critical) * L ** (1 / nu), "y": data.mean * L**beta, "se": data.se * L**beta}
    )
    names = PARAMETERS[:fitted]
    se: dict[str, float | None] = {name: s.se for name, s in zip(names, spreads, strict=True) if s is not None}
    return Collapse(
        critical=critical,
        critical_se=se.get("critical"),
        nu=nu,
        nu_se=None if se.get("nu") is None else nu * float(se["nu"] or 0.0),
        exponent=beta,
        exponent_se=se.get("exponent"),
        quality=least,
        intervals={
            name: (math.exp(s.low), math.exp(s.high)) if name == "nu" else (s.low, s.high)
            for name, s in zip(names, spreads, strict=True)
            if s is not None
        },
        contours={
            name: w * (nu if name == "nu" else 1.0) for name, w in zip(names, contours, strict=True) if np.isfinite(w)
        },
        points=overlapping(data, critical, nu),
        sizes=tuple(data.sizes.tolist()),
        seeds=data.seeds,
        scaled=scaled,
        note="; ".join([*left_out, *notes]),
    )


def _long_enough(data: Curves) -> tuple[Curves, list[str]]:
    """The curves without sizes of fewer than three points, which have no shape to compare."""
    counts = np.bincount(data.owner, minlength=len(data.sizes))
    short = counts < FEWEST_POINTS
    if not short.any():
        return data, []
    kept = ~short[data.owner]
    owner = np.unique(data.owner[kept], return_inverse=True)[1].astype(np.int64)
    values = None if data.values is None else data.values[:, kept]
    told = ", ".join(f"{v:g}" for v in data.sizes[short])
    rest = Curves(data.sizes[~short], owner, data.points[kept], data.mean[kept], data.se[kept], values, data.n)
    return rest, [f"sizes with fewer than {FEWEST_POINTS} points left out: {told}"]


def _starts(data: Curves, surface: Callable[[Array], Array], exponent: float | None) -> list[Array]:
    """The best points of a scan, no two with the same ν and β/ν."""
    between = np.quantile(data.points, np.linspace(0, 1, _POINTS + 2)[1:-1])
    exponents = [()] if exponent is not None else [(e,) for e in _EXPONENTS]
    found = []
    for nu, more in itertools.product(_NUS, exponents):
        thetas = [np.array([p, math.log(nu), *more]) for p in np.unique(between)]
        heights = [float(surface(theta)) for theta in thetas]
        at = int(np.argmin(heights))
        found.append((heights[at], thetas[at]))
    best = sorted((pair for pair in found if np.isfinite(pair[0])), key=lambda pair: pair[0])
    return [theta for _, theta in best[:STARTS]]


def _at_an_end(critical: float, nu: float, beta: float, low: float, high: float) -> str:
    if min(critical - low, high - critical) < 1e-3 * (high - low):
        return f"p_c = {critical:.3g}, at the end of the data"
    if nu < 1.01 * SMALLEST_NU or nu > 0.99 * LARGEST_NU:
        return f"nu = {nu:.3g}, at the end of [{SMALLEST_NU:g}, {LARGEST_NU:g}]"
    if abs(beta) > 0.99 * LARGEST_EXPONENT:
        return f"beta/nu = {beta:.3g}, at the end of its range"
    return ""


def _around(
    surface: Callable[..., Array], centre: Array, least: float, step: Array, data: Curves
) -> tuple[Array, tuple[Array, Array] | None]:
    """Half-widths of the contour S_min + 1, and the minimum of S in each resample with the resamples' probabilities."""
    reach = np.array([_reach(surface, centre, least, i, step[i]) for i in range(len(centre))])
    bend = _curvature(surface, centre, reach)
    frame = np.diag(reach)
    if bend is not None:
        rise, axes = np.linalg.eigh(bend)
        frame = axes * np.sqrt(2 / rise)
    contours = _contour(surface, centre, least, frame)
    if data.values is not None and data.seeds < 2:
        return contours, None
    values, probability = data.resamples()
    found = np.empty(0)
    for _ in range(MOST_WIDENINGS):
        found, inside = _minima(surface, centre, frame, COARSE[len(centre)], values)
        if probability @ inside >= MOST_INSIDE:
            break
        frame = 2 * frame
    spread, axes = np.linalg.eigh(np.cov(found.T, aweights=probability) + 1e-4 * frame @ frame.T)
    frame = axes * (REACH * np.sqrt(spread))
    return contours, (_minima(surface, centre, frame, FINE[len(centre)], values)[0], probability)


def _contour(surface: Callable[..., Array], centre: Array, least: float, frame: Array) -> Array:
    """Half the extent along each parameter of the region S < S_min + 1, on a grid along `frame`; NaN where it has no end."""
    places = np.array(list(itertools.product(np.linspace(-1, 1, FINE[len(centre)]), repeat=len(centre))))
    rim = np.abs(places).max(axis=1) == 1
    for _ in range(MOST_WIDENINGS):
        below = np.array([float(surface(centre + frame @ at)) for at in places]) <= least + 1
        if not (below & rim).any():
            return np.ptp((places @ frame.T)[below], axis=0) / 2
        frame = 1.5 * frame
    return np.full(len(centre), np.nan)


def _reach(surface: Callable[..., Array], centre: Array, least: float, i: int, step: float) -> float:
    """How far along one parameter, the others held, S rises by one; to within a factor √2."""
    unit = np.zeros(len(centre))
    length = 0.01 * step
    for _ in range(40):
        unit[i] = length * math.sqrt(2)
        if max(float(surface(centre + unit)), float(surface(centre - unit))) >= least + 1:
            break
        length *= math.sqrt(2)
    return length


def _curvature(surface: Callable[..., Array], centre: Array, reach: Array) -> Array | None:
    """Second derivatives of a quadratic fitted to S on five levels of each parameter within `reach`; None where it has no minimum."""
    k = len(centre)
    grid = np.array(list(itertools.product(np.linspace(-1, 1, 5), repeat=k)))
    heights = np.array([float(surface(centre + reach * at)) for at in grid])
    good = np.isfinite(heights)
    pairs = list(itertools.combinations_with_replacement(range(k), 2))
    design = np.column_stack([np.ones(len(grid)), grid, *(grid[:, i] * grid[:, j] for i, j in pairs)])[good]
    solved = np.linalg.lstsq(design, heights[good], rcond=None)[0]
    bend = np.zeros((k, k))
    for value, (i, j) in zip(solved[k + 1 :], pairs, strict=True):
        bend[i, j] += value
        bend[j, i] += value
    return bend / np.outer(reach, reach) if np.linalg.eigvalsh(bend)[0] > 0 else None


def _minima(
    surface: Callable[..., Array], centre: Array, frame: Array, levels: int, values: Array
) -> tuple[Array, NDArray[np.bool_]]:
    """The minimum of S of each resample, (resample, parameter), on a grid about `centre` along the columns of `frame`.

    Refined by a parabola along each column; and which minima lie inside the grid rather than on its rim.
    """
    k = len(centre)
    places = np.linspace(-1, 1, levels)
    shape = (levels,) * k
    heights = np.array([surface(centre + frame @ at, values) for at in itertools.product(places, repeat=k)])
    lowest = np.array(np.unravel_index(heights.argmin(axis=0), shape))
    inside: NDArray[np.bool_] = np.all((lowest > 0) & (lowest < levels - 1), axis=0)
    everyone = np.arange(len(values))
    at = places[lowest]
    cube = heights.reshape(*shape, len(values))
    for i in range(k):
        beside = []
        for by in (-1, 0, 1):
            moved = lowest.copy()
            moved[i] = np.clip(moved[i] + by, 0, levels - 1)
            beside.append(cube[(*moved, everyone)])
        before, here, after = beside
        bend = before - 2 * here + after
        usable = inside & np.isfinite(bend) & (bend > 0)
        shift = np.divide(before - after, 2 * bend, out=np.zeros(len(values)), where=usable)
        at[i] += shift * (places[1] - places[0])
    return centre + at.T @ frame.T, inside


def _bootstrap(
    data: Curves, centre: Array, resampled: tuple[Array, Array] | None, wider: float
) -> tuple[list[Spread | None], list[str]]:
    """Interval and standard error of each parameter, ν by its logarithm, `wider` than the resamples say."""
    if resampled is None:
        return [None] * len(centre), ["no interval: it takes at least two seeds"]
    found, probability = resampled
    return [data.interval(float(c), c + wider * (found[:, i] - c), probability) for i, c in enumerate(centre)], []
