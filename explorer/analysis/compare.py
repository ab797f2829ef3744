"""Whether two studies agree: cell by cell, point by point and boundary by boundary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from explorer.analysis.boundary import fit_boundary
from explorer.analysis.boundary.fit import MOVES
from explorer.analysis.table import require, require_numeric, single, usable
from explorer.errors import AnalysisError

Array = NDArray[np.float64]
LEVEL = 0.05
ROUNDING = 1e-3
KEY = "cell_key"
SIGNIFICANT_DIGITS = 12
# Values whose spread is below this share of their size are one value, but for its last digits.
SAME = 1e-9
# Follows from dimension and rate, so that it would keep studies of different dimensions apart at every point.
FOLLOWS = "code_dimension"
SAMENESS = ("identical", "within_rounding", "different")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two studies have in common.

    `points` has a row for each combination of settings that both have: these settings, `seeds_first`, `seeds_second`, how many cells
    of one key are `identical`, `within_rounding` or `different`, and for the order parameter and the loss the means
    `<value>_first`, `<value>_second`, their `<value>_difference` (second − first), Welch's `<value>_p` and its corrected
    `<value>_p_corrected`; `differs` says whether one of these is at most 5 %. `boundaries` has a row for each group and
    estimator: `critical_first`, `critical_second`, `difference`, `se` (combined), `in_se` (difference in units of it), `p`,
    `p_corrected`, `differs`, `note`. `notes` name the settings in which the studies differ, and `verdict` is one sentence.
    """

    points: pd.DataFrame
    boundaries: pd.DataFrame
    notes: tuple[str, ...]
    verdict: str

    @property
    def agree(self) -> bool:
        """Whether no cell, point or boundary differs."""
        cells = int(self.points["different"].sum()) if len(self.points) else 0
        return not (cells or self.points["differs"].any() or self.boundaries["differs"].any())


def compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    along: str = "sparsity",
    by: Sequence[str] = (),
    order: str = "localization",
    loss: str = "loss",
    seed: str = "seed",
    settings: Sequence[str] | None = None,
    estimator: str | Sequence[str] = ("switch", "crossing"),
    rounding: float = ROUNDING,
) -> Comparison:
    """Compare two tables of outcomes.

    Cells with the same `cell_key`, where both tables have that column, promise the same outcome: `identical` where order parameter
    and loss are equal, `within_rounding` where both differ by at most `rounding` of the larger one's size, else `different`. The
    other rows are matched by `settings` (default: `along`, `by`, the start, and those of MOVES that are there), and their seeds are
    independent samples: Welch's unequal variances t-test of the means (Welch, Biometrika 34, 28 (1947)), for two seeds or more on each
    side. These p-values, of both quantities at all points, are corrected by Benjamini and Hochberg (J. R. Stat. Soc. B 57,
    289 (1995)), and a point differs where the false discovery rate is at most 5 %. Settings that are constant in both tables, at
    different values, or a column in one of them only, are named in `notes` and not matched.

    Boundaries are those of `fit_boundary` in each table; z = (x_2 − x_1)/√(se_1² + se_2²) against Student's t with Welch and
    Satterthwaite's degrees of freedom, seeds − 1 on each side, and Holm's correction (Scand. J. Stat. 6, 65 (1979)) over the
    boundaries that both tables have. Seeds of the same number may share draws, which makes both tests cautious.

    Raises AnalysisError for a missing or non-numeric column, as `fit_boundary` does.
    """
    by = [by] if isinstance(by, str) else list(by)
    if not 0 <= rounding < 1:
        raise AnalysisError(f"compare: found rounding = {rounding}, expected a number from 0 to 1.")
    for name, table in (("first", first), ("second", second)):
        purpose = f"compare, {name} study"
        require(table, [along, order, loss, seed, *by], purpose)
        for column in (along, order, loss):
            require_numeric(table, column, purpose)
    left, right = usable(first).reset_index(drop=True), usable(second).reset_index(drop=True)
    told = [along, *by, "init", *MOVES] if settings is None else [along, *by, *settings]
    matched, notes = _settings(left, right, [c for c in dict.fromkeys(told) if c not in (seed, FOLLOWS)], {along, *by})
    points = _points(left, right, matched, order, loss, seed, rounding)
    boundaries = _boundaries(first, second, along, by, order, loss, seed, estimator)
    return Comparison(points, boundaries, tuple(notes), _verdict(points, boundaries, matched))


def _settings(
    first: pd.DataFrame, second: pd.DataFrame, told: Sequence[str], always: set[str]
) -> tuple[list[str], list[str]]:
    """The settings by which rows are matched, those that vary and `always`, and how the studies differ in them and in others."""
    matched: list[str] = []
    notes: list[str] = []
    for name in told:
        if name not in first.columns or name not in second.columns:
            for which, table in (("first", first), ("second", second)):
                if name in table.columns and table[name].notna().any():
                    pooled = "" if single(table[name]) else ", several values of which are pooled"
                    notes.append(f"only the {which} study has {name}: {_values(table[name])}{pooled}")
            continue
        columns = first[name], second[name]
        here, there = (set(map(_value, column)) for column in columns)
        if name in always or len(here) > 1 or len(there) > 1:
            matched.append(name)
        if here == there or not here or not there:
            continue
        if len(here) == len(there) == 1:
            notes.append(f"{name} is {_values(columns[0])} in the first study and {_values(columns[1])} in the second")
        elif len(here) == 1 or len(there) == 1:
            which, varied, fixed = ("second", *reversed(columns)) if len(here) == 1 else ("first", *columns)
            notes.append(f"only the {which} study varies {name}: {_values(varied)}; the other has {_values(fixed)}")
        else:
            notes.append(f"{len(here & there)} values of {name} are in both studies, of {len(here)} and {len(there)}")
    return matched, notes


def _value(value: Any) -> Any:
    """A value as it is matched: numbers to twelve digits, so that 0.1 + 0.2 is 0.3; missing as None."""
    if (
        value is None
        or value is pd.NA
        or value is pd.NaT
        or (isinstance(value, float | np.floating) and np.isnan(value))
    ):
        return None
    if isinstance(value, float | int | np.number) and not isinstance(value, bool):
        return float(f"{float(value):.{SIGNIFICANT_DIGITS}g}")
    return str(value)


def _values(column: pd.Series) -> str:
    found = sorted(set(map(_value, column)), key=lambda value: (isinstance(value, str), value is None, value or 0))
    shown = ["none" if v is None else f"{v:g}" if isinstance(v, float) else v for v in found]
    return ", ".join(shown) if len(shown) <= 6 else f"{', '.join(shown[:3])}, … {shown[-1]}"


def _points(
    first: pd.DataFrame, second: pd.DataFrame, matched: Sequence[str], order: str, loss: str, seed: str, rounding: float
) -> pd.DataFrame:
    quantities = list(dict.fromkeys([order, loss]))
    shared: set[Any] = set()
    if KEY in first.columns and KEY in second.columns:
        shared = set(first[KEY].dropna()) & set(second[KEY].dropna())
    sides = []
    for table in (first, second):
        keys = [tuple(row) for row in zip(*(map(_value, table[name]) for name in matched), strict=True)]
        own = table[KEY].isin(shared).to_numpy() if shared else np.zeros(len(table), bool)
        place: dict[tuple[Any, ...], list[int]] = {}
        for i, key in enumerate(keys):
            place.setdefault(key, []).append(i)
        sides.append((table, place, own))
    rows = []
    (_, left, own_left), (_, right, own_right) = sides
    for key in sorted(
        set(left) & set(right), key=lambda k: [(v is None, isinstance(v, str), v if v is not None else 0) for v in k]
    ):
        here, there = first.iloc[left[key]], second.iloc[right[key]]
        row: dict[str, Any] = dict(zip(matched, key, strict=True))
        row |= {"seeds_first": here[seed].nunique(), "seeds_second": there[seed].nunique()}
        row |= _same(here[own_left[left[key]]], there[own_right[right[key]]], quantities, rounding)
        fresh = here[~own_left[left[key]]], there[~own_right[right[key]]]
        for name in quantities:
            means = [float(side[name].where(np.isfinite(side[name])).mean()) for side in (here, there)]
            row |= {f"{name}_first": means[0], f"{name}_second": means[1], f"{name}_difference": means[1] - means[0]}
            row[f"{name}_p"] = _welch(*(_per_seed(side, name, seed) for side in fresh))
        rows.append(row)
    numbers = [f"{name}_{what}" for name in quantities for what in ("first", "second", "difference", "p")]
    frame = pd.DataFrame(rows, columns=[*matched, "seeds_first", "seeds_second", *SAMENESS, *numbers])
    frame = frame.astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(SAMENESS, "int64"))
    corrected = _corrected(frame[[f"{name}_p" for name in quantities]].to_numpy(dtype=float))
    for i, name in enumerate(quantities):
        frame[f"{name}_p_corrected"] = corrected[:, i]
    frame["differs"] = np.any(corrected <= LEVEL, axis=1).tolist()
    return frame


def _same(here: pd.DataFrame, there: pd.DataFrame, quantities: Sequence[str], rounding: float) -> dict[str, int]:
    """How many cells of one key are identical, equal but for rounding, and different."""
    if here.empty or there.empty:
        return dict.fromkeys(SAMENESS, 0)
    both = here.drop_duplicates(KEY).merge(there.drop_duplicates(KEY), on=KEY, suffixes=("_first", "_second"))
    left, right = (both[[f"{q}_{side}" for q in quantities]].to_numpy(dtype=float) for side in ("first", "second"))
    equal = ((left == right) | (np.isnan(left) & np.isnan(right))).all(axis=1)
    close = np.isclose(left, right, rtol=rounding, atol=0, equal_nan=True) | np.isclose(
        right, left, rtol=rounding, atol=0
    )
    close = close.all(axis=1) & ~equal
    return {
        "identical": int(equal.sum()),
        "within_rounding": int(close.sum()),
        "different": int((~equal & ~close).sum()),
    }


def _per_seed(side: pd.DataFrame, name: str, seed: str) -> Array:
    """One value for each seed, the mean of its finite ones: rows of one seed are no replicates."""
    finite = side[np.isfinite(side[name])]
    return finite.groupby(seed)[name].mean().to_numpy(dtype=float)


def _welch(first: Array, second: Array) -> float:
    """Two-sided p-value of equal means; NaN for fewer than two values on a side."""
    if len(first) < 2 or len(second) < 2:
        return float("nan")
    rounded = SAME * max(float(np.abs(first).max()), float(np.abs(second).max()))
    if max(np.ptp(first), np.ptp(second)) <= rounded:
        return float(abs(first.mean() - second.mean()) <= rounded)
    sides = [moment for side in (first, second) for moment in (side.mean(), side.std(ddof=1), len(side))]
    tested: Any = stats.ttest_ind_from_stats(*sides, equal_var=False)
    return float(tested.pvalue)


def _corrected(values: Array) -> Array:
    """Benjamini and Hochberg's over all finite p-values."""
    found = np.full(values.shape, np.nan)
    tested = np.isfinite(values)
    if tested.any():
        found[tested] = stats.false_discovery_control(values[tested])
    return found


def _boundaries(
    first: pd.DataFrame,
    second: pd.DataFrame,
    along: str,
    by: Sequence[str],
    order: str,
    loss: str,
    seed: str,
    estimator: str | Sequence[str],
) -> pd.DataFrame:
    fitted = []
    for table in (first, second):
        found = fit_boundary(table, along, by, estimator, order, loss, seed)
        for name in by:
            found[name] = found[name].map(_value)
        found["_number"] = found.groupby([*by, "estimator"], dropna=False).cumcount()
        fitted.append(found[[*by, "estimator", "_number", "critical", "se", "seeds", "note"]])
    both = fitted[0].merge(fitted[1], on=[*by, "estimator", "_number"], suffixes=("_first", "_second"))
    difference = both["critical_second"] - both["critical_first"]
    square = [both[f"se_{side}"].to_numpy(dtype=float) ** 2 for side in ("first", "second")]
    free = [np.maximum(both[f"seeds_{side}"].to_numpy(dtype=float) - 1, 1) for side in ("first", "second")]
    se = np.sqrt(square[0] + square[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        in_se = difference.to_numpy(dtype=float) / se
        freedom = (square[0] + square[1]) ** 2 / (square[0] ** 2 / free[0] + square[1] ** 2 / free[1])
    in_se = np.where((se == 0) & (np.abs(difference) < 1e-9), 0.0, in_se)
    freedom = np.where(np.isfinite(freedom), freedom, free[0] + free[1])
    p = np.where(np.isfinite(se), 2 * stats.t.sf(np.abs(in_se), freedom), np.nan)
    both = both.assign(difference=difference, se=se, in_se=in_se, p=p, p_corrected=_holm(p))
    both["differs"] = both["p_corrected"] <= LEVEL
    both["note"] = [
        "; ".join(f"{side}: {note}" for side, note in zip(("first", "second"), pair, strict=True) if note)
        for pair in zip(both["note_first"], both["note_second"], strict=True)
    ]
    return both[
        [
            *by,
            "estimator",
            "critical_first",
            "critical_second",
            "difference",
            "se",
            "in_se",
            "p",
            "p_corrected",
            "differs",
            "note",
        ]
    ]


def _holm(values: Array) -> Array:
    """Holm's corrected p-values over the finite ones."""
    found = np.full(len(values), np.nan)
    tested = np.flatnonzero(np.isfinite(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    raised = values[order] * (len(order) - np.arange(len(order)))
    found[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return found


def _verdict(points: pd.DataFrame, boundaries: pd.DataFrame, matched: Sequence[str]) -> str:
    if not len(points) and boundaries["p"].isna().all():
        return f"nothing to compare: the studies share no combination of {', '.join(matched)}"
    counts = {name: int(points[name].sum()) for name in SAMENESS}
    cells = sum(counts.values())
    tested = points[[c for c in points.columns if str(c).endswith("_p")]].notna().any(axis=1)
    known = boundaries["p"].notna()
    alone = int((boundaries["critical_first"].isna() != boundaries["critical_second"].isna()).sum())
    parts = []
    if cells:
        parts.append(f"of {cells} cells that both have {counts['identical']} are identical, {counts['within_rounding']} equal but for "
                     f"rounding, {counts['different']} different")  # fmt: skip
    parts.append(
        f"{int(points['differs'].sum())} of {int(tested.sum())} points that could be tested differ at a false discovery rate of 5 %"
    )
    parts.append(f"{int(boundaries['differs'].sum())} of {int(known.sum())} boundaries differ at 5 %")
    if alone:
        parts.append(f"{alone} {'boundaries were' if alone > 1 else 'boundary was'} found in one study only")
    differ = counts["different"] or points["differs"].any() or boundaries["differs"].any()
    informed = cells or tested.any() or known.any()
    begin = "the studies differ" if differ else "no difference was found" if informed else "nothing could be tested"
    return f"{begin}: {'; '.join(parts)}"
