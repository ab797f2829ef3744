"""One row per group and estimator: the boundary table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from explorer.analysis.boundary.base import Boundary, Problem, answers, estimators
from explorer.analysis.table import NEVER_GROUPED, constant, require, require_numeric, single, usable
from explorer.errors import AnalysisError
from explorer.theory import predicted_boundary

DEPENDS_ON = ("dimension", "learning_rate", "surrogate_width", "optimizer", "schedule", "steps", "batch")
# Settings that move a boundary: a group in which one of them varies says so.
MOVES = (*DEPENDS_ON, "rate", "base", "shape", "source", "architecture", "activation", "tied", "evaluation_samples")
# What switch and crossing read of a table beside the axis, where it is there.
READ = ("status", "loss", "localization", "tying", "coverage", "dimension", "seed", "init")
# Estimators of where two branches have equal loss, which is what theory predicts.
AT_EQUAL_LOSS = ("crossing",)
COLUMNS = (
    "estimator",
    "critical",
    "low",
    "high",
    "width",
    "theory",
    "seeds",
    "note",
    "se",
    "n",
    "method",
    "mixed_low",
    "mixed_high",
    "extrapolated",
    "settings",
)
NUMBERS = ("critical", "se", "low", "high", "width", "theory", "mixed_low", "mixed_high", "extrapolated")


def fit_boundary(
    table: pd.DataFrame,
    along: str = "sparsity",
    by: Sequence[str] = (),
    estimator: str | Sequence[str] = ("switch", "crossing"),
    order: str = "localization",
    loss: str = "loss",
    seed: str = "seed",
    start: str = "init",
    size: str = "dimension",
    across: str | None = None,
    threshold: float | None = None,
) -> pd.DataFrame:
    """Where the phase changes along one axis, for every combination of the columns `by`.

    Takes any frame with the columns that are named. Returns one row per group and estimator: the `by` columns,
    `estimator`, `critical`, its standard error `se`, `low` and `high` (95 %), `width` (switch), `theory` (of the crossing,
    missing where none is known), `seeds`, `n` (outcomes used), `method`, `note` (why there is no boundary, where there is
    none), `mixed_low` and `mixed_high` (where neither pure phase was found), `extrapolated` (crossing), and `settings` that
    a switch depends on; after them what else an estimator found. `level_set` follows the boundary along a second axis, `across`,
    in a row for each of its values, at `threshold` (default: half-way between the phases); `finite_size` extrapolates in `size`.
    `switch` takes any order parameter; `crossing` tells phases apart by one on the scale of localization, 3/(d + 2) to 1.
    `switch` uses the rows whose column `start` is `random`, or all where there is no such column. Where there is no column
    `seed`, the rows of one point are its replicates.

    Raises AnalysisError for a missing or non-numeric column and an unknown estimator.
    """
    wanted = [estimator] if isinstance(estimator, str) else list(estimator)
    by = [by] if isinstance(by, str) else list(by)
    purpose = "boundary"
    require(table, [along, *by, order], purpose)
    if seed == "seed" and seed not in table.columns:
        points = [c for c in dict.fromkeys((along, *by, size, start, across)) if c is not None and c in table.columns]
        table = table.assign(**{seed: table.groupby(points, dropna=False).cumcount() if points else 0})
    needed = [along, *by, order, seed, *([loss] if "crossing" in wanted else []), *([start] if start != "init" else [])]
    require(table, needed, purpose)
    for column in (along, order, *([loss] if "crossing" in wanted else [])):
        require_numeric(table, column, purpose)
    if along in by:
        raise AnalysisError(f'{purpose}: "{along}" is both the axis and a column of --by; expected it in one place.')
    methods = {name: estimators[name] for name in wanted}
    numbers = [c for c in (along, order, loss) if c in table.columns and pd.api.types.is_numeric_dtype(table[c])]
    finite = table.assign(**{c: table[c].where(np.isfinite(table[c])) for c in numbers}).reset_index(drop=True)
    told = [c for c in finite.columns if c not in (*NEVER_GROUPED, along, order, loss, "status", "tying", "coverage")]
    everywhere = constant(finite, told)  # is constant in every group
    told = [c for c in told if c not in everywhere]
    groups = list(_groups(finite, by, (along, order, seed)))
    problems = [
        Problem(group, along, order, loss, seed, start, size, across, threshold)
        for _, _, group in groups
        if not group.empty
    ]
    answered = {name: iter(answers(method, problems)) for name, method in methods.items()}
    rows: list[dict[str, object]] = []
    for key, size_of_group, group in groups:
        if group.empty:
            note = f"none of {size_of_group} rows carries a result"
            nothing = Boundary(notes=(note,))
            rows += [{**dict(zip(by, key, strict=True)), **_row(name, nothing, None, (), {})} for name in methods]
            continue
        pooled = [c for c in MOVES if c in told and c not in by and not single(group[c])]
        known = everywhere | constant(group, told)
        if "code_dimension" in group.columns and single(group["code_dimension"]):
            known["code_dimension"] = group["code_dimension"].iloc[0]
        for name in methods:
            for found in next(answered[name]):
                apart = {*found.at, *([size] if "sizes" in found.quantities else [])}
                unsaid = [c for c in pooled if c not in apart]
                theory = predicted_boundary(along, {**known, **found.at}) if name in AT_EQUAL_LOSS else None
                rows.append({**dict(zip(by, key, strict=True)), **_row(name, found, theory, unsaid, known)})
    at = dict.fromkeys(column for row in rows for column in row if column not in (*by, *COLUMNS))
    return pd.DataFrame(rows, columns=[*by, *COLUMNS, *at]).astype(dict.fromkeys(NUMBERS, "float64"))


def _groups(
    table: pd.DataFrame, by: Sequence[str], needed: Sequence[str]
) -> Iterator[tuple[tuple[object, ...], int, pd.DataFrame]]:
    """Each combination of the columns `by` with its number of rows, and those that carry a result and what is needed."""
    carries = usable(table).dropna(subset=list(needed))
    if not by:
        yield (), len(table), carries
        return
    grouped = table.groupby(list(by), dropna=False, sort=True, observed=True)
    number = grouped.ngroup()
    number_there = number[carries.index].to_numpy()
    carries = carries.iloc[np.argsort(number_there, kind="stable")]  # a group is then a slice, which copies nothing
    ends = np.cumsum(np.bincount(number_there, minlength=grouped.ngroups))
    for (key, size), begin, end in zip(grouped.size().items(), (0, *ends), ends, strict=False):
        yield key if isinstance(key, tuple) else (key,), int(size), carries.iloc[begin:end]


def _row(
    name: str, found: Boundary, theory: float | None, pooled: Sequence[str], known: dict[str, object]
) -> dict[str, object]:
    notes = [*found.notes, *([f"pools several values of {', '.join(pooled)}"] if pooled else [])]
    return {
        "estimator": name,
        "critical": found.critical,
        "se": found.se,
        "low": found.low,
        "high": found.high,
        "width": found.width,
        "theory": theory,
        "seeds": found.seeds,
        "n": found.n,
        "method": found.method,
        "note": "; ".join(notes),
        "mixed_low": found.mixed[0] if found.mixed else None,
        "mixed_high": found.mixed[1] if found.mixed else None,
        "extrapolated": found.beyond,
        "settings": ", ".join(f"{c}={known[c]}" for c in DEPENDS_ON if c in known),
        **found.at,
        **found.quantities,
    }
