"""The one form in which analysis takes data: a pandas frame with columns that the caller names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from explorer.errors import AnalysisError
from explorer.registry import nearest

NEVER_GROUPED = ("seed", "init", "code_dimension")


def require(table: pd.DataFrame, columns: Iterable[str], purpose: str) -> None:
    """Raise AnalysisError unless the table has these columns, naming the nearest that it has."""
    for column in columns:
        if column not in table.columns:
            raise AnalysisError(
                f'{purpose}: there is no column "{column}"; expected one of {", ".join(map(str, table.columns))}.'
                f"{nearest(column, map(str, table.columns))}"
            )


def require_numeric(table: pd.DataFrame, column: str, purpose: str) -> None:
    """Raise AnalysisError unless a column holds numbers."""
    if not pd.api.types.is_numeric_dtype(table[column]) or pd.api.types.is_bool_dtype(table[column]):
        raise AnalysisError(f'{purpose}: column "{column}" holds {table[column].dtype} values, expected numbers.')


def single(column: pd.Series) -> bool:
    """Whether a column holds one value throughout; missing counts as one."""
    missing = column.isna()
    if missing.any() or not len(column):
        return bool(missing.all())
    return bool((column == column.iloc[0]).all())


def varying(table: pd.DataFrame, settings: Sequence[str], along: Iterable[str]) -> list[str]:
    """The settings that take several values (missing counts as one), apart from `along`, seeds and starts."""
    skipped = {*along, *NEVER_GROUPED}
    return [name for name in settings if name not in skipped and not single(table[name])]


def constant(table: pd.DataFrame, settings: Sequence[str]) -> dict[str, object]:
    """The settings that take one value in the table, with it."""
    plain = [n for n in settings if len(table) and pd.api.types.is_hashable(table[n].iloc[0])]
    return {n: table[n].iloc[0] for n in plain if single(table[n]) and not pd.isna(table[n].iloc[0])}


def usable(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that carry a result: neither failed nor diverged."""
    return table[~table["status"].isin(("failed", "diverged"))] if "status" in table.columns else table
