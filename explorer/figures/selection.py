"""What figures share: choosing the cells of a store and splitting them into panels."""

from __future__ import annotations

from numbers import Number

import pandas as pd

from explorer.analysis.table import require, require_numeric, usable, varying
from explorer.axes import symbol
from explorer.errors import AnalysisError
from explorer.figures.base import Options
from explorer.store import Store

MOST_PANELS = 9


def cells(store: Store, options: Options, needed: tuple[str, ...], numeric: tuple[str, ...]) -> pd.DataFrame:
    """The outcomes that a figure is drawn from; AnalysisError where there are none, or a column is missing."""
    for axis, other in ((options.x, options.y), (options.y, options.x)):
        if axis == other or axis == "seed":
            found = f'x and y are both "{axis}"' if axis == other else 'found the axis "seed", which names replicates'
            raise AnalysisError(f"figure: {found}; expected two different settings, such as sparsity and rate.")
    table = store.to_pandas(where=options.where)
    if table.empty:
        chosen = f" where {options.where}" if options.where else ""
        raise AnalysisError(f"{store.files.name}: no cells{chosen}; run the study first, or widen the condition.")
    require(table, needed, f"{store.files.name}")
    for column in numeric:
        require_numeric(table, column, f"{store.files.name}")
    kept = usable(table)
    if kept.empty:
        raise AnalysisError(f"{store.files.name}: all {len(table)} cells failed or diverged; see explorer status.")
    return kept


def combination(table: pd.DataFrame, store: Store, options: Options) -> None:
    """Refuse a table in which settings beside the axes vary."""
    others = varying(table, store.settings, (options.x, options.y))
    if others:
        raise AnalysisError(
            f"{store.files.name}: {', '.join(others)} also vary; expected one combination. {_hint(table, others[0])}"
        )


def panels(table: pd.DataFrame, store: Store, options: Options) -> list[tuple[str, pd.DataFrame]]:
    """One panel per combination of the settings that vary beside the axes, with a title that names it."""
    by = varying(table, store.settings, (options.x, options.y))
    if not by:
        return [("", table)]
    groups = list(table.groupby(by, dropna=False, sort=True))
    if len(groups) > MOST_PANELS:
        raise AnalysisError(
            f"{store.files.name}: {', '.join(by)} also vary, in {len(groups)} combinations; expected at most {MOST_PANELS}. "
            f"{_hint(table, by[0])}"
        )
    return [(_title(by, key), group) for key, group in groups]


def _hint(table: pd.DataFrame, column: str) -> str:
    value = table[column].dropna().iloc[0]
    return f'Choose with --where, e.g. --where "{column} = {f"{value!r}" if isinstance(value, str) else value}".'


def _title(by: list[str], key: object) -> str:
    values = key if isinstance(key, tuple) else (key,)
    parts = [
        f"{symbol(n)} = {v:g}" if isinstance(v, Number) and not isinstance(v, bool) else f"{n.replace('_', ' ')}: {v}"
        for n, v in zip(by, values, strict=True)
        if v == v
    ]
    return "\n".join(parts)
