"""What figures share: choosing the cells of a store and splitting them into panels."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from numbers import Number

import numpy as np
import pandas as pd

from explorer.analysis.table import require, require_numeric, usable, varying
from explorer.axes import symbol
from explorer.errors import AnalysisError
from explorer.figures.base import Options
from explorer.registry import nearest
from explorer.store import Store

MOST_PANELS = 9
MOST_NAMED = 6

# Settings that say what the data are, and the loss. They are named here because the sources import torch.
DATA = (
    "source", "dimension", "distortion", "samples", "sparsity", "base", "shape", "inner", "spectrum", "exponent", "spikes",
    "spike_strength", "eigenvalues", "rotated", "atoms", "active", "coefficients", "intrinsic", "curvature", "ambient_noise",
    "dataset", "channels", "patch", "test_share", "scaling", "whitening", "shrinkage", "fingerprint",
)  # fmt: skip


def cells(
    store: Store,
    options: Options,
    needed: tuple[str, ...],
    numeric: tuple[str, ...],
    results: tuple[str, ...] | None = None,
) -> pd.DataFrame:
    """The outcomes that a figure is drawn from; AnalysisError where there are none, or a column is missing.

    `results`: the columns beside the settings that are needed or used where they are there; all where None. Of a search there is
    the best trial of each grid point, and what was searched over is missing unless it is needed.
    """
    axes = {"--x": options.x, "--y": options.y}
    if set(axes.values()) <= {*needed}:
        _check_axes(options)
    everything = results is None
    if everything:
        table = store.to_pandas(where=store.chosen(options.where))
        table[[name for name in store.searched.over if name in table and name not in needed]] = None
    else:
        table = store.outcomes((*needed, *results), options.where)
    if table.empty:
        chosen = f" where {options.where}" if options.where else ""
        if len(store.arrow(["status"], options.where)):
            raise AnalysisError(f"{store.files.name}: no trial of the search{chosen} has a loss; see explorer status.")
        raise AnalysisError(f"{store.files.name}: no cells{chosen}; run the study first, or widen the condition.")
    for option, axis in axes.items():
        if axis in needed and (axis not in table or table[axis].isna().all()):
            raise AnalysisError(f"{store.files.name}: {_no_axis(table, store, option, axis)}")
    require(pd.DataFrame(columns=store.schema.names), needed, f"{store.files.name}")
    for column in numeric:
        require_numeric(table, column, f"{store.files.name}")
    for axis in {options.x, options.y} & {*numeric}:
        if np.isinf(table[axis].astype(float)).any():
            raise AnalysisError(
                f'{store.files.name}: {axis} is inf in some cells, which has no place on an axis; choose with --where "{axis} < 1e9".'
            )
    kept = usable(table)
    if kept.empty:
        raise AnalysisError(f"{store.files.name}: all {len(table)} cells failed or diverged; see explorer status.")
    return kept


def _check_axes(options: Options) -> None:
    for axis, other in ((options.x, options.y), (options.y, options.x)):
        if axis == other or axis == "seed":
            found = f'x and y are both "{axis}"' if axis == other else 'found the axis "seed", which names replicates'
            raise AnalysisError(f"figure: {found}; expected two different settings, such as sparsity and rate.")


def _no_axis(table: pd.DataFrame, store: Store, option: str, axis: str) -> str:
    """That there is no such axis, and which settings could be one: numbers that vary, the most varied first."""
    numbers = [n for n in store.settings if pd.api.types.is_numeric_dtype(table[n]) and table[n].dtype != bool]
    counts = table[[n for n in numbers if n not in ("seed", "code_dimension")]].nunique()
    found = list(counts[counts > 1].sort_values(ascending=False, kind="stable").index[:MOST_NAMED])
    known = f"expected a setting that varies: {', '.join(found)}" if found else "no other setting varies here"
    missing = "no cell has a value of" if axis in table else "there is no column"
    return f'{missing} "{axis}"; choose another axis with {option}, {known}.{nearest(axis, found)}'


def from_start(table: pd.DataFrame, store: Store, options: Options) -> pd.DataFrame:
    """The cells that start from `options.start`."""
    chosen = table[table["init"] == options.start]
    if chosen.empty:
        starts = ", ".join(sorted(map(str, table["init"].unique())))
        raise AnalysisError(f'{store.files.name}: no cells start from "{options.start}"; expected one of {starts}.')
    return chosen


def levels(table: pd.DataFrame, column: str, store: Store, most: int = MOST_PANELS) -> list[float]:
    """The values of the column that has a panel for each, in order."""
    values = sorted(table[column].unique())
    if len(values) > most:
        raise AnalysisError(
            f"{store.files.name}: {len(values)} values of {column}, expected at most {most}; choose some with --where."
        )
    return values


def same_data(table: pd.DataFrame, store: Store, along: Iterable[str] = ()) -> None:
    """Refuse a table of several data sets, dimensions or distortions, apart from the settings `along`."""
    others = [name for name in varying(table, store.settings, along) if name in DATA]
    if others:
        raise AnalysisError(
            f"{store.files.name}: {', '.join(others)} also vary; expected architectures on the same data. {_hint(table, others[0])}"
        )


def one_setting_each(table: pd.DataFrame, store: Store, along: tuple[str, ...]) -> None:
    """Refuse an architecture that has several values of a setting beside `along`; architectures may differ."""
    same_data(table, store, along)
    for architecture, group in table.groupby("architecture"):
        others = varying(group, store.settings, along)
        if others:
            raise AnalysisError(
                f"{store.files.name}: {', '.join(others)} also vary within {architecture}; expected one combination for each "
                f"architecture. {_hint(table, telling(group, others)[0], or_missing=True)}"
            )


def variants(table: pd.DataFrame, settings: Iterable[str], along: tuple[str, ...]) -> pd.Series[str]:
    """For each row its architecture, with the settings by which it differs from others of that architecture."""
    names: dict[Hashable, str] = {}
    for architecture, group in table.groupby("architecture"):
        by = telling(group, varying(group, list(settings), along))
        told = group[by].apply(_settings_in_words, axis=1) if by else pd.Series("", index=group.index)
        plain = str(architecture).replace("_", " ")
        names |= {row: f"{plain} ({words})" if words else plain for row, words in told.items()}
    return pd.Series(names, dtype=str).reindex(table.index)


def telling(group: pd.DataFrame, names: list[str]) -> list[str]:
    """These settings without those that matter in some rows only, as far as the others tell the rows apart without them."""
    kept = list(names)
    count = len(group[kept].drop_duplicates())
    for name in [n for n in names if group[n].isna().any()]:
        fewer = [n for n in kept if n != name]
        if fewer and len(group[fewer].drop_duplicates()) == count:
            kept = fewer
    return kept


def _settings_in_words(row: pd.Series) -> str:
    return ", ".join(f"{str(n).replace('_', ' ')}: {_in_words(v)}" for n, v in row.items() if v is not None and v == v)


def _in_words(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, Number) else str(value).replace("_", " ") or "none"


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


def _hint(table: pd.DataFrame, column: str, or_missing: bool = False) -> str:
    value = table[column].dropna().iloc[0]
    others = f" or {column} is null" if or_missing and table[column].isna().any() else ""
    return (
        f'Choose with --where, e.g. --where "{column} = {f"{value!r}" if isinstance(value, str) else value}{others}".'
    )


def _title(by: list[str], key: object) -> str:
    values = key if isinstance(key, tuple) else (key,)
    parts = [
        f"{symbol(n)} = {v:g}" if isinstance(v, Number) and not isinstance(v, bool) else f"{n.replace('_', ' ')}: {v}"
        for n, v in zip(by, values, strict=True)
        if v == v
    ]
    return "\n".join(parts)
