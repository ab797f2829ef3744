"""The phases of a diagram, found from several observables at once."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.analysis.bimodality import gaussian_mixture
from explorer.analysis.table import require, require_numeric, usable
from explorer.errors import AnalysisError

Array = NDArray[np.float64]
MOST_PHASES = 6
RESTARTS = 5
# Rows for each component that is tried: fewer say nothing of its covariance.
ROWS_EACH = 8
# Smallest variance of a component, in units of the observable's own: pure phases have none.
SMALLEST_VARIANCE = 1e-4
# Components are one phase where more than this share of one would be taken for the other (Hennig 2010, section 4.3).
CONFUSED = 0.025
MOST_MISSING = 0.5
DIGITS = 9


@dataclass(frozen=True, slots=True)
class PhaseMap:
    """The phases of a table.

    `rows` has the table's index and the columns `phase` (1, 2, …; missing where an observable is) and `probability` (of that
    phase); `probabilities` the probability of each phase, one column each. `summary` has a row for each phase: `phase`, `share` of the
    rows, `<observable>_mean` and `<observable>_sd`, `<axis>_low` and `<axis>_high`. `observables` are those that were used, and
    `notes` say which were not, and why.
    """

    rows: pd.DataFrame
    probabilities: pd.DataFrame
    summary: pd.DataFrame
    observables: tuple[str, ...]
    notes: tuple[str, ...]


def map_phases(
    table: pd.DataFrame, observables: Sequence[str], by: Sequence[str] = (), most: int = MOST_PHASES
) -> PhaseMap:
    """Which phase each row is in, where nobody has said what the phases are; `by` are the axes whose range is told for each.

    A mixture of Gaussians with full covariances is fitted to the observables in units of their standard deviations, with 1 to
    `most` components, each from several starts with a fixed seed; the number is that of the smallest BIC = −2 log L + k log n
    (Schwarz, Ann. Stat. 6, 461 (1978); Fraley and Raftery, J. Am. Stat. Assoc. 97, 611 (2002)). One phase that is no Gaussian takes
    several components: they are merged, the pair with the largest probability of confusion first, until none exceeds 2.5 %
    (Hennig, Adv. Data Anal. Classif. 4, 3 (2010), section 4.3: P(taken for i | from j), estimated by the posterior probabilities).
    The entropy criterion (Baudry et al., J. Comput. Graph. Stat. 19, 332 (2010)) leaves where to stop to the reader, and the
    unimodality of a pair (Hennig, section 4.1) merges a narrow phase with a thin cloud of mixed minimizers around it, which
    confusion does not. Observables are not transformed: a table of two phases of unequal share is skewed, and a transform would
    bend that away. Minimizers between two phases are a phase of their own where they are many.

    Phases are numbered by the mean of the first observable used, then of the next; neither numbers nor probabilities depend on
    the order of the rows. Failed and diverged rows, and rows without one of the observables, have no phase. An observable that is
    constant, or missing in more than half of the rows, is not used. Rows count as independent in BIC, which favours more components
    where they share seeds; uncertainty of a boundary comes from seeds (estimator `phases`).

    Raises AnalysisError for a missing or non-numeric column, no observable, `most` below 1, and without scikit-learn.
    """
    names = list(dict.fromkeys([observables] if isinstance(observables, str) else observables))
    axes = [by] if isinstance(by, str) else list(by)
    if not names:
        raise AnalysisError("map_phases: found no observables; expected at least one.")
    if most < 1:
        raise AnalysisError(f"map_phases: found most = {most}, expected at least 1.")
    require(table, [*names, *axes], "map_phases")
    for name in names:
        require_numeric(table, name, "map_phases")
    carries = usable(table.reset_index(drop=True))
    values = carries[names].to_numpy(dtype=float)
    values = np.where(np.isfinite(values), values, np.nan)
    used, constant, notes = _used(values, names)
    complete = np.isfinite(values[:, [*used, *constant]]).all(axis=1)
    there = np.asarray(complete if used or constant else np.zeros(len(values)), dtype=bool)
    if (used or constant) and not there.all():
        notes.append(f"{int((~there).sum())} of {len(there)} rows lack an observable and have no phase")
    kept = values[there][:, used]
    if not len(kept):
        notes.append("no rows with a result and an observable")
        chances = np.empty((0, 0))
    elif not used:
        notes.append("one phase: no observable varies")
        chances = np.ones((len(kept), 1))
    else:
        chances = _chances(kept, most)
    chosen = tuple(names[i] for i in used)
    return _map(table, carries.index.to_numpy()[there], kept, chances, chosen, axes, tuple(notes))


def _used(values: Array, names: Sequence[str]) -> tuple[list[int], list[int], list[str]]:
    """The observables that vary, those that are constant, and what is said of those that are not used."""
    used, constant, notes = [], [], []
    for i, name in enumerate(names):
        there = values[np.isfinite(values[:, i]), i]
        if len(there) < (1 - MOST_MISSING) * len(values) or not len(there):
            notes.append(f"{name} not used: missing in {len(values) - len(there)} of {len(values)} rows")
        elif np.ptp(there) <= 10.0**-DIGITS * max(1.0, float(np.abs(there).max())):
            notes.append(f"{name} not used: constant, {there[0]:g}")
            constant.append(i)
        else:
            used.append(i)
    return used, constant, notes


def _chances(values: Array, most: int) -> Array:
    """Probability of each phase, (row, phase), in the order of their means; rows (row, observable)."""
    order = np.lexsort(values.T[::-1])
    sorted_values = values[order]
    spread = sorted_values.std(axis=0)
    varies = spread > 0
    if not varies.any():
        return np.ones((len(values), 1))
    standard = np.round((sorted_values - sorted_values.mean(axis=0))[:, varies] / spread[varies], DIGITS)
    merged = _merged(_mixture(standard, most))
    means = (merged.T @ sorted_values) / merged.sum(axis=0)[:, None]
    merged = merged[:, np.lexsort(means.T[::-1])]
    found = np.empty_like(merged)
    found[order] = merged
    return found


def _mixture(standard: Array, most: int) -> Array:
    """Posterior probabilities of the components of the mixture with the smallest BIC, (row, component)."""
    gaussians = gaussian_mixture("map_phases")
    from sklearn.exceptions import ConvergenceWarning

    distinct = len(np.unique(standard, axis=0))
    best: Any = None
    lowest = np.inf
    for count in range(1, max(1, min(most, distinct, len(standard) // ROWS_EACH)) + 1):
        mixture = gaussians(count, n_init=RESTARTS, reg_covar=SMALLEST_VARIANCE, max_iter=300, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture.fit(standard)
        found = float(mixture.bic(standard))
        if found < lowest:
            best, lowest = mixture, found
    return np.asarray(best.predict_proba(standard), dtype=float)


def _merged(chances: Array) -> Array:
    """Without components that nothing is taken for, and those that are confused with each other as one."""
    chances = chances[:, np.bincount(chances.argmax(axis=1), minlength=chances.shape[1]) > 0]
    while chances.shape[1] > 1:
        first, second, share = _most_confused(chances)
        if share <= CONFUSED:
            break
        together = chances[:, first] + chances[:, second]
        chances = np.column_stack([np.delete(chances, (first, second), axis=1), together])
    return chances / chances.sum(axis=1, keepdims=True)


def _most_confused(chances: Array) -> tuple[int, int, float]:
    """The pair of components with the largest probability that a row from one is taken for the other."""
    total = chances.sum(axis=0)
    best = (0, 1, -1.0)
    for first in range(chances.shape[1]):
        for second in range(first + 1, chances.shape[1]):
            ahead = chances[:, first] >= chances[:, second]
            share = max(chances[~ahead, first].sum() / total[first], chances[ahead, second].sum() / total[second])
            if share > best[2]:
                best = (first, second, float(share))
    return best


def _map(
    table: pd.DataFrame,
    positions: NDArray[np.intp],
    values: Array,
    chances: Array,
    observables: tuple[str, ...],
    axes: Sequence[str],
    notes: tuple[str, ...],
) -> PhaseMap:
    phase, probability = np.full(len(table), np.nan), np.full(len(table), np.nan)
    count = chances.shape[1]
    if count:
        phase[positions] = chances.argmax(axis=1) + 1
        probability[positions] = chances.max(axis=1)
    rows = pd.DataFrame({"phase": phase, "probability": probability}, index=table.index).astype({"phase": "Int64"})
    everything = np.full((len(table), count), np.nan)
    everything[positions] = chances
    summary = []
    for number in range(1, count + 1):
        mine = phase[positions] == number
        line: dict[str, Any] = {"phase": number, "share": float(mine.mean())}
        for i, name in enumerate(observables):
            there = values[mine, i]
            line |= {f"{name}_mean": there.mean(), f"{name}_sd": there.std(ddof=1) if len(there) > 1 else np.nan}
        for axis in axes:
            there = table[axis].iloc[positions[mine]].dropna()
            line |= {f"{axis}_low": there.min(), f"{axis}_high": there.max()}
        summary.append(line)
    columns = ["phase", "share", *(f"{n}_{w}" for n in observables for w in ("mean", "sd"))]
    columns += [f"{axis}_{end}" for axis in axes for end in ("low", "high")]
    return PhaseMap(
        rows,
        pd.DataFrame(everything, index=table.index, columns=pd.RangeIndex(1, count + 1)),
        pd.DataFrame(summary, columns=columns),
        observables,
        notes,
    )
