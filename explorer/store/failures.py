"""Kinds of failure: failed cells grouped by what went wrong, with what they have in common and one example."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from explorer.store.sql import quoted

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("status", "kind", "cells", "shared", "cell_key", "settings", "error", "traceback")
DIVERGED = "the loss left the finite"
KIND_LENGTH = 300

_VARYING = re.compile(
    r"0x[0-9a-fA-F]+"
    r"|\b(?=[a-fA-F-]*\d)[0-9a-fA-F]{8}[0-9a-fA-F-]*\b"
    r"|\btmp\w{6,}"
    r"|(?<![A-Za-z_0-9])\d+(?:[.x]\d+)*(?:[eE][-+]?\d+)?"
)


class Answers(Protocol):
    """A store that answers queries, with the columns that are settings."""

    @property
    def settings(self) -> list[str]: ...

    def sql(self, query: str) -> pa.Table: ...


def kind_of(error: str) -> str:
    """An error in one line without what differs from cell to cell: addresses, keys, temporary names and numbers."""
    return _VARYING.sub("#", " ".join(error.split()))[:KIND_LENGTH]


def kinds_of_failure(store: Answers) -> pd.DataFrame:
    """One row for each kind of failure and one for diverged cells; see `Store.failures`."""
    import pandas as pd

    ranges = _ranges(store)
    columns = ", ".join(map(quoted, ("cell_key", "status", "error", *ranges)))
    frame = store.sql(
        f"SELECT {columns} FROM cells WHERE status IN ('failed', 'diverged') ORDER BY finished_at, cell_key"
    ).to_pandas()
    frame["kind"] = [
        DIVERGED if s == "diverged" else kind_of(e if isinstance(e, str) else "")
        for s, e in zip(frame.status, frame.error, strict=True)
    ]
    traced = set(store.sql("SELECT cell_key FROM failures").column("cell_key").to_pylist()) if len(frame) else set()
    rows: list[dict[str, Any]] = []
    for (status, kind), group in frame.groupby(["status", "kind"], sort=False):
        known = group["cell_key"].isin(traced)
        example = group[known].iloc[0] if known.any() else group.iloc[0]
        settings = [f"{name}={_plain(example[name])}" for name in ranges if not pd.isna(example[name])]
        rows.append({
            "status": status, "kind": kind, "cells": len(group), "shared": ", ".join(_shared(group, ranges)),
            "cell_key": example["cell_key"], "settings": ", ".join(settings), "error": example["error"], "traceback": None,
        })  # fmt: skip
    found = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"cells": "int64"})
    found["traceback"] = found["cell_key"].map(_tracebacks(store, found["cell_key"])).astype(object)
    found = found.astype(object).where(found.notna(), None).astype({"cells": "int64"})
    order = found.assign(last=found["status"] == "diverged").sort_values(
        ["last", "cells"], ascending=[True, False], kind="stable"
    )
    return order[list(COLUMNS)].reset_index(drop=True)


def _ranges(store: Answers) -> dict[str, tuple[Any, Any]]:
    """The least and the greatest value of each setting that varies in the store."""
    names = store.settings
    if not names:
        return {}
    ends = ", ".join(f"min({quoted(n)}), max({quoted(n)}), count({quoted(n)})" for n in names)
    rows, *found = (column[0] for column in store.sql(f"SELECT count(*), {ends} FROM cells").to_pydict().values())
    return {
        name: (low, high)
        for name, low, high, count in zip(names, found[::3], found[1::3], found[2::3], strict=True)
        if low != high or 0 < count < rows
    }


def _shared(group: pd.DataFrame, ranges: dict[str, tuple[Any, Any]]) -> list[str]:
    """What these cells have in common and the store does not: one value, or a narrower range of numbers."""
    said = []
    for name, (low, high) in ranges.items():
        column = group[name]
        if column.isna().any():
            continue
        least, greatest = column.min(), column.max()
        if least == greatest:
            said.append(f"{name}={_plain(least)}")
        elif isinstance(low, float | int) and not isinstance(low, bool) and (least, greatest) != (low, high):
            said.append(f"{name}={_plain(least)}…{_plain(greatest)}")
    return said


def _tracebacks(store: Answers, keys: pd.Series) -> dict[str, str]:
    if keys.empty:
        return {}
    named = ", ".join(f"'{key}'" for key in keys if key.isalnum()) or "''"
    found = store.sql(f"SELECT cell_key, traceback FROM failures WHERE cell_key IN ({named})").to_pydict()
    return dict(zip(found["cell_key"], found["traceback"], strict=True))


def _plain(value: Any) -> str:
    """A value as short as it can be told from others; a whole number in a column with gaps is a float there."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
