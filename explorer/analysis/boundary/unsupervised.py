"""Where the phase changes, when nobody has said what the phases are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.analysis.bootstrap import over_resamples
from explorer.analysis.boundary.base import Boundary, Problem, estimators, no_interval, on_grid, weighted_mean
from explorer.analysis.phase_map import map_phases

Array = NDArray[np.float64]
# Numbers that tell phases apart; a table has some of them.
OBSERVABLES = (
    "localization", "peak", "orthogonality", "tying", "coverage", "haar_distance", "permutation_distance", "effective_rank",
    "code_entropy", "code_sparsity", "dead_units", "active_share", "frame_defect",
)  # fmt: skip
METHOD = "Gaussian mixture of {}; phases held, bootstrap over seeds"


@estimators.register("phases")
def phases(problem: Problem) -> Boundary | Sequence[Boundary]:
    """Every point of the axis at which the most likely phase changes, the phases found by `map_phases`.

    Of the observables in OBSERVABLES the table's are used, or the order parameter alone where it has none. P_k(x) is the mean over
    seeds of the probability of phase k at x, from random starts where there are any; a boundary is where the most likely
    phase of one point is not that of the next, and lies where P_below − P_above, linear between the two points, is 0. The interval is
    a bootstrap over seeds of that place, the phases themselves held: it has no part from finding them. It always holds the two points,
    because seeds that agree say nothing of where between them the phase changes; `se` is that of the seeds alone. `quantities`:
    the phases `below` and `above`, by number, and `phases`, how many there are.
    """
    table = problem.table
    if problem.start in table.columns and "random" in table[problem.start].unique():
        table = table[table[problem.start] == "random"]
    seeds = int(table[problem.seed].nunique()) if len(table) else 0
    numbers = [c for c in dict.fromkeys((problem.order, *OBSERVABLES)) if c in table.columns and _number(table[c])]
    named = [name for name in numbers if name in OBSERVABLES] or [problem.order]
    found = map_phases(table, named)
    count = found.probabilities.shape[1]
    told: dict[str, float | str | None] = {"phases": float(count)}
    method = METHOD.format(", ".join(found.observables)) if found.observables else ""
    if count < 2:
        what = f"one phase only in {', '.join(found.observables)}" if found.observables else "; ".join(found.notes)
        return Boundary(seeds=seeds, notes=(what,), method=method, quantities=told)
    along, seed_of = table[problem.along].to_numpy(dtype=float), table[problem.seed].to_numpy()
    cut = [on_grid(seed_of, along, chance) for chance in found.probabilities.to_numpy(dtype=float).T]
    _, there, points = cut[0]
    values = np.stack([grid for grid, _, _ in cut])  # (phase, seed, point)
    n = int(np.isfinite(values[0]).sum())
    mean = np.stack([weighted_mean(grid, np.ones(len(there))) for grid in values])
    likely = mean.argmax(axis=0)
    answers = []
    for i in np.flatnonzero(np.diff(likely)):
        below, above = int(likely[i]), int(likely[i + 1])
        differences = values[below] - values[above]
        critical = float(_change(points, mean[None, below] - mean[None, above], (points[i] + points[i + 1]) / 2)[0])
        bounds = over_resamples(
            critical, len(there), lambda w, d=differences, x=critical: _change(points, weighted_mean(d, w), x)
        )
        notes = (*([] if bounds else [no_interval(len(there))]), *found.notes)
        low, high, se = bounds or (None, None, None)
        if bounds:
            low, high = min(bounds.low, points[i]), max(bounds.high, points[i + 1])
        between = {"below": float(below + 1), "above": float(above + 1), **told}
        answers.append(
            Boundary(critical, low, high, None, len(there), None, None, notes, se, method, n, quantities=between)
        )
    if not answers:
        note = f"phase {likely[0] + 1} of {count} is the most likely at every value of {problem.along}"
        return Boundary(seeds=len(there), notes=(note, *found.notes), method=method, n=n, quantities=told)
    return answers


def _change(points: Array, difference: Array, near: float) -> Array:
    """Where a difference (resample, point) passes from positive to negative, the place nearest to `near`; NaN where nowhere.

    Linear between the points that have a value.
    """
    found = np.full(len(difference), np.nan)
    for row, values in enumerate(difference):
        there = np.isfinite(values)
        x, y = points[there], values[there]
        falls = np.flatnonzero((y[:-1] >= 0) & (y[1:] <= 0) & (y[:-1] > y[1:]))
        if len(falls):
            places = x[falls] + (x[falls + 1] - x[falls]) * y[falls] / (y[falls] - y[falls + 1])
            found[row] = places[np.argmin(np.abs(places - near))]
    return found


def _number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
