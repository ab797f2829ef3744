"""Boundaries of every combination of settings in view, and the theory beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.analysis import READ, fit_boundary
from explorer.errors import AnalysisError
from explorer.registry import nearest
from explorer.report.columns import Cells, Setting, group, plain
from explorer.theory import predicted_boundary

ORDER = "localization"
PREFERRED = "sparsity"
FEWEST_LEVELS = 3
# Fits of more groups take longer than a reader waits, half a minute; explorer boundary does them.
MOST_GROUPS = 500
NUMBERS = ("critical", "low", "high", "width", "theory", "mixed_low", "mixed_high", "extrapolated")


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Boundaries along one axis: for each combination of the settings `by` (their codes, `at`) a row an estimator.

    `theory` has the combinations for which a formula is known. `note` says why there are no rows, or for how many combinations not.
    """

    along: str | None
    by: tuple[str, ...] = ()
    rows: list[dict[str, Any]] = field(default_factory=list)
    theory: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""


def axis_along(cells: Cells, along: str | None) -> str | None:
    """The axis that was asked for, else the sparsity where it varies, else the setting with the most numbers.

    Raises AnalysisError where what was asked for is no number that varies.
    """
    numbers = {s.name: len(s.levels) for s in cells.axes() if s.scale != "names"}
    if along is not None:
        if along not in numbers:
            expected = f"one of {', '.join(numbers)}" if numbers else "none: no setting that is a number varies"
            raise AnalysisError(f'--along: found "{along}", expected {expected}.{nearest(along, numbers)}')
        return along
    if PREFERRED in numbers:
        return PREFERRED
    return max(numbers, key=lambda name: numbers[name], default=None)


def read_boundaries(cells: Cells, along: str | None = None) -> Boundaries:
    """Boundaries along an axis by both estimators, for each combination of the settings that may be chosen, but for starts."""
    name = axis_along(cells, along)
    if name is None:
        return Boundaries(
            None, note="No setting that is a number varies, so there is no axis for a boundary to lie on."
        )
    by = [s for s in cells.axes() if s.name not in (name, "init")]
    groups = group([s.codes for s in by]) if by else np.zeros(len(cells.keys), dtype=np.int64)
    theory = _theory(cells, name, by, groups)
    names = tuple(s.name for s in by)
    if ORDER not in cells.values:
        return Boundaries(
            name, names, [], theory, f"No cell has {ORDER}, the order parameter that tells the phases apart."
        )
    if len(next(s for s in cells.settings if s.name == name).levels) < FEWEST_LEVELS:
        return Boundaries(name, names, [], theory, f"{name} has fewer than {FEWEST_LEVELS} values.")
    kept, note = _kept(groups, by)
    needed = {*READ, *cells.fixed, *(s.name for s in cells.settings)}
    frame = cells.frame.loc[kept, [column for column in cells.frame.columns if column in needed]]
    try:
        fitted = fit_boundary(frame, along=name, by=[s.name for s in by])
    except AnalysisError as error:
        return Boundaries(name, names, [], theory, str(error))
    return Boundaries(name, names, [_row(row, by) for row in fitted.to_dict("records")], theory, note)


def _kept(groups: NDArray[np.int64], by: list[Setting]) -> tuple[NDArray[np.bool_], str]:
    """Which cells' boundaries are fitted, and what is said of the others.

    Those of all groups, or of as many as are worth waiting for: first those with the most settings at their first level, which
    is how a page opens.
    """
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    if len(first) <= MOST_GROUPS:
        return np.ones(len(groups), dtype=bool), ""
    elsewhere = np.sum([s.codes[first] != 0 for s in by], axis=0)
    chosen = np.argsort(elsewhere, kind="stable")[:MOST_GROUPS]
    note = (
        f"Boundaries of {MOST_GROUPS:,} of {len(first):,} combinations of {', '.join(s.name for s in by)} are fitted here, those with "
        f"the most settings at their first level; {len(first) - MOST_GROUPS:,} are left out. Choose others with --where, or use "
        "explorer boundary."
    )
    return np.isin(group, chosen), note


def _row(row: Mapping[Any, Any], by: list[Setting]) -> dict[str, Any]:
    numbers = {n: None if pd.isna(row[n]) else float(f"{row[n]:.6g}") for n in NUMBERS}
    return {
        "at": [s.levels.index(plain(row[s.name])) for s in by],
        "estimator": row["estimator"],
        **numbers,
        "seeds": int(row["seeds"]),
        "note": str(row["note"]),
    }


def _theory(cells: Cells, along: str, by: list[Setting], groups: Any) -> list[dict[str, Any]]:
    """Where theory has the boundary, for each combination of which there are cells."""
    _, first = np.unique(groups, return_index=True)
    told = [s for s in cells.settings if s.name == "code_dimension"]
    found: dict[tuple[Any, ...], float | None] = {}
    rows = []
    for cell in first.tolist():
        known = {**cells.fixed, **{s.name: s.levels[s.codes[cell]] for s in (*by, *told)}}
        known = {name: value for name, value in known.items() if value is not None}
        asked = tuple(sorted((name, str(value)) for name, value in known.items()))
        if asked not in found:
            found[asked] = predicted_boundary(along, known)
        if found[asked] is not None:
            rows.append({"at": [int(s.codes[cell]) for s in by], "critical": found[asked]})
    return rows
