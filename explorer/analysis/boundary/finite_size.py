"""Where the location of a transition goes as the system grows."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from explorer.analysis.bootstrap import Spread, interval, seed_weights
from explorer.analysis.boundary.base import (
    Boundary,
    Problem,
    columns_read,
    estimators,
    no_interval,
    on_grid,
    weighted_mean,
)
from explorer.analysis.boundary.logistic import locations
from explorer.analysis.boundary.switch import switch
from explorer.analysis.scaling.collapse import Collapse, collapse_curves
from explorer.analysis.scaling.crossings import SizeCrossings, cross_curves
from explorer.analysis.scaling.curves import SMALLEST_ERROR, SMALLEST_SHARE, Array, Curves, curves
from explorer.analysis.scaling.extrapolate import LARGEST_NU, SMALLEST_NU, PowerLaw, extrapolate, power_laws
from explorer.analysis.table import require, require_numeric
from explorer.errors import AnalysisError

FEWEST_SIZES = 3
METHOD = "logistic at each size, {}; bootstrap over seeds"
POWER, MEAN = "power law in the size", "weighted mean of the sizes"


class _Located(NamedTuple):
    """The location at each size, (size,), its error, and the location in each resample, (resample, size)."""

    sizes: Array
    locations: Array
    errors: Array | None
    resampled: Array
    n: int


@estimators.register("finite_size")
def finite_size(problem: Problem) -> Boundary:
    """The boundary of an infinite system: location(L) = p_c + a L^(−1/ν), L the column `size`.

    The location at each size is that of `switch`: a logistic in the seed mean of the order parameter (any number, or
    an outcome of 0 or 1) along random starts. `critical` is p_c of `extrapolate`, which weighs sizes by the errors of
    their locations; where the location does not move with the size within its errors, their weighted mean. At least
    three sizes must switch.

    The interval is a bootstrap of the logistics and the extrapolation. Whole seeds are resampled across all points
    and sizes, since cells that share a seed may share draws. With one seed there is none: a row that is an average
    already has no error that could be known from the table.

    `quantities`: `nu`, `amplitude` (a) and their bootstrap errors `nu_se`, `amplitude_se`, `cov_critical_nu`, from
    resamples whose ν stays in [0.1, 10]; `sizes`; the best data collapse of the order parameter (β/ν = 0),
    `collapse_critical`, `collapse_critical_se`, `collapse_nu`, `collapse_nu_se`, and its `collapse_quality` S; where
    the curves of consecutive sizes cross goes to `crossing_critical` ± `crossing_se`. Each is missing where it was
    not found.

    Raises AnalysisError for a missing or non-numeric column of sizes, and sizes that are not positive.
    """
    table = _random_starts(problem)
    sizes = np.unique(table[problem.size].to_numpy(dtype=float))
    seeds = np.unique(table[problem.seed].to_numpy())
    located, notes = _locate(table, problem, seeds)
    data = curves(table, problem.along, problem.order, problem.size, problem.seed, purpose="finite_size")
    quantities = {
        "sizes": ", ".join(f"{s:g}" for s in located.sizes),
        **_scaling(data if isinstance(data, Curves) else None),
    }
    blank = dict.fromkeys(("nu", "nu_se", "amplitude", "amplitude_se", "cov_critical_nu"))
    if len(located.sizes) < FEWEST_SIZES:
        found = f"{len(located.sizes)} of {len(sizes)} values of {problem.size} switch" if len(sizes) else "no sizes"
        note = f"{found}, an extrapolation needs at least {FEWEST_SIZES}"
        return Boundary(seeds=len(seeds), notes=(note, *notes), quantities={**blank, **quantities})
    law = extrapolate(located.sizes, located.locations, located.errors)
    if law.critical is None:
        return Boundary(seeds=len(seeds), notes=(law.note, *notes), quantities={**blank, **quantities})
    notes = [*([law.note] if law.note else []), *notes]
    spread, errors = _spread(law, located, len(seeds))
    if spread is None:
        notes = [no_interval(len(seeds)), *notes]
    low, high, se = spread or (None, None, None)
    return Boundary(
        critical=law.critical,
        low=low,
        high=high,
        seeds=len(seeds),
        notes=tuple(notes),
        se=se,
        method=METHOD.format(MEAN if law.nu is None else POWER),
        n=located.n,
        quantities={**blank, "nu": law.nu, "amplitude": law.amplitude, **errors, **quantities},
    )


def _random_starts(problem: Problem) -> pd.DataFrame:
    """The rows with a size; those of random starts, where some are called so, as `switch` has it."""
    require(problem.table, [problem.size], "finite_size")
    require_numeric(problem.table, problem.size, "finite_size")
    table = problem.table[columns_read(problem)]
    table = table[np.isfinite(table[problem.size].to_numpy(dtype=float))]
    if (table[problem.size] <= 0).any():
        found = f"{table[problem.size].min():g}"
        raise AnalysisError(f'finite_size: column "{problem.size}" holds {found}, expected positive sizes.')
    if problem.start in table.columns and "random" in table[problem.start].unique():
        table = table[table[problem.start] == "random"]
    return table


def _locate(table: pd.DataFrame, problem: Problem, seeds: np.ndarray) -> tuple[_Located, list[str]]:
    """Where each size switches, and what is to be said about sizes that do not."""
    weights = seed_weights(len(seeds), np.random.default_rng(0))[0] if len(seeds) > 1 else np.empty((0, len(seeds)))
    sizes, found, resampled, n = [], [], [], 0
    notes: dict[str, None] = {}
    for value, group in table.groupby(problem.size, sort=True):
        answer = switch(replace(problem, table=group))
        at = answer if isinstance(answer, Boundary) else answer[0]
        if at.critical is None:
            notes[f"{problem.size} {value:g}: {at.notes[0]}"] = None
            continue
        notes |= dict.fromkeys(note for note in at.notes if not note.startswith("no interval"))
        columns = (group[name].to_numpy() for name in (problem.seed, problem.along, problem.order))
        grid, there, points = on_grid(*columns)
        values = np.full((len(seeds), len(points)), np.nan)
        values[np.searchsorted(seeds, there)] = grid
        resampled.append(np.clip(locations(points, weighted_mean(values, weights)), points[0], points[-1]))
        sizes.append(float(value))  # pyright: ignore[reportArgumentType]
        found.append((at.critical, np.nan if at.se is None else at.se, float(np.diff(points).min())))
        n += at.n
    where, se, step = np.array(found).reshape(-1, 3).T
    located = np.array(resampled).reshape(len(sizes), len(weights)).T
    return _Located(np.array(sizes), where, _errors(se, step), located, n), list(notes)


def _errors(se: Array, step: Array) -> Array | None:
    """Errors of the locations, none below a tenth of the typical one: few seeds may agree by chance. None where one is unknown."""
    if not len(se) or not np.isfinite(se).all():
        return None
    typical = float(np.sqrt(np.mean(se**2)))
    return np.maximum(np.maximum(se, SMALLEST_SHARE * typical), SMALLEST_ERROR * step)


def _spread(law: PowerLaw, located: _Located, seeds: int) -> tuple[Spread | None, dict[str, float | None]]:
    """Interval of p_c from the resamples, with the law that the data chose, and the errors of the other parameters."""
    if seeds < 2 or law.critical is None or located.errors is None:
        return None, {}
    probability = seed_weights(seeds, np.random.default_rng(0))[1]
    if law.nu is None:
        weight = located.errors**-2
        return interval(law.critical, located.resampled @ (weight / weight.sum()), probability, seeds), {}
    found = power_laws(located.sizes, located.resampled, located.errors)
    spread = interval(law.critical, found[:, 0], probability, seeds)
    if spread is None:
        return None, {}
    inside = (found[:, 1] > SMALLEST_NU) & (found[:, 1] < LARGEST_NU)
    if probability @ inside < 0.5:
        return spread, {}
    covariance = np.cov(found[inside].T, aweights=probability[inside], ddof=0) * seeds / (seeds - 1)
    return spread, {
        "nu_se": float(np.sqrt(covariance[1, 1])),
        "amplitude_se": float(np.sqrt(covariance[2, 2])),
        "cov_critical_nu": float(covariance[0, 1]),
    }


def _scaling(data: Curves | None) -> dict[str, float | str | None]:
    """The collapse and the crossings of sizes, beside the extrapolation."""
    best = Collapse() if data is None else collapse_curves(data)
    cross = SizeCrossings() if data is None else cross_curves(data)
    return {
        "collapse_critical": best.critical,
        "collapse_critical_se": best.critical_se,
        "collapse_nu": best.nu,
        "collapse_nu_se": best.nu_se,
        "collapse_quality": best.quality,
        "crossing_critical": cross.critical,
        "crossing_se": cross.critical_se,
    }
