"""One row per group and estimator: the boundary table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from explorer.analysis.boundary.base import Boundary, Problem, estimators
from explorer.analysis.table import NEVER_GROUPED, constant, require, require_numeric, usable
from explorer.errors import AnalysisError
from explorer.theory import predicted_boundary

DEPENDS_ON = ("dimension", "learning_rate", "surrogate_width", "optimizer", "schedule", "steps", "batch")
# Settings that move a boundary: a group in which one of them varies says so.
MOVES = (*DEPENDS_ON, "rate", "base", "shape", "source", "architecture", "activation", "tied", "evaluation_samples")
COLUMNS = (
    "estimator",
    "critical",
    "low",
    "high",
    "width",
    "theory",
    "seeds",
    "note",
    "mixed_low",
    "mixed_high",
    "extrapolated",
    "settings",
)


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
) -> pd.DataFrame:
    """Where the phase changes along one axis, for every combination of the columns `by`.

    Takes any frame with the columns that are named. Returns one row per group and estimator: the `by` columns,
    `estimator`, `critical`, `low` and `high` (95 %, bootstrap over seeds), `width` (switch), `theory` (of the crossing, missing
    where none is known), `seeds`, `note` (why there is no boundary, where there is none), `mixed_low` and `mixed_high`
    (where neither pure phase was found), `extrapolated` (crossing), and `settings` that a switch depends on.
    `switch` takes any order parameter; `crossing` tells phases apart by one on the scale of localization, 3/(d + 2) to 1.
    `switch` uses the rows whose column `start` is `random`, or all where there is no such column.

    Raises AnalysisError for a missing or non-numeric column and an unknown estimator.
    """
    wanted = [estimator] if isinstance(estimator, str) else list(estimator)
    by = [by] if isinstance(by, str) else list(by)
    purpose = "boundary"
    needed = [along, *by, order, seed, *([loss] if "crossing" in wanted else []), *([start] if start != "init" else [])]
    require(table, needed, purpose)
    for column in (along, order, *([loss] if "crossing" in wanted else [])):
        require_numeric(table, column, purpose)
    if along in by:
        raise AnalysisError(f'{purpose}: "{along}" is both the axis and a column of --by; expected it in one place.')
    methods = {name: estimators[name] for name in wanted}
    numbers = [c for c in (along, order, loss) if c in table.columns and pd.api.types.is_numeric_dtype(table[c])]
    finite = table.assign(**{c: table[c].where(np.isfinite(table[c])) for c in numbers})
    rows: list[dict[str, object]] = []
    for key, everything in _groups(finite, by):
        group = usable(everything).dropna(subset=[along, order, seed])
        if group.empty:
            note = f"none of {len(everything)} rows carries a result"
            nothing = Boundary(notes=(note,))
            rows += [{**dict(zip(by, key, strict=True)), **_row(name, nothing, None, (), {})} for name in methods]
            continue
        skipped = {*by, along}
        pooled = [c for c in MOVES if c in group.columns and c not in skipped and group[c].nunique(dropna=False) > 1]
        known = constant(group, [c for c in group.columns if c not in (*NEVER_GROUPED, along, order, loss)])
        if "code_dimension" in group.columns and group["code_dimension"].nunique() == 1:
            known["code_dimension"] = group["code_dimension"].iloc[0]
        for name, method in methods.items():
            found = method(Problem(group, along, order, loss, seed, start, size))
            theory = predicted_boundary(along, known) if name == "crossing" else None
            rows.append({**dict(zip(by, key, strict=True)), **_row(name, found, theory, pooled, known)})
    return pd.DataFrame(rows, columns=[*by, *COLUMNS]).astype(
        dict.fromkeys(
            ("critical", "low", "high", "width", "theory", "mixed_low", "mixed_high", "extrapolated"), "float64"
        )
    )


def _groups(table: pd.DataFrame, by: Sequence[str]) -> list[tuple[tuple[object, ...], pd.DataFrame]]:
    if not by:
        return [((), table)]
    return [(key, group) for key, group in table.groupby(list(by), dropna=False, sort=True)]


def _row(
    name: str, found: Boundary, theory: float | None, pooled: Sequence[str], known: dict[str, object]
) -> dict[str, object]:
    notes = [*found.notes, *([f"pools several values of {', '.join(pooled)}"] if pooled else [])]
    return {
        "estimator": name,
        "critical": found.critical,
        "low": found.low,
        "high": found.high,
        "width": found.width,
        "theory": theory,
        "seeds": found.seeds,
        "note": "; ".join(notes),
        "mixed_low": found.mixed[0] if found.mixed else None,
        "mixed_high": found.mixed[1] if found.mixed else None,
        "extrapolated": found.beyond,
        "settings": ", ".join(f"{c}={known[c]}" for c in DEPENDS_ON if c in known),
    }
