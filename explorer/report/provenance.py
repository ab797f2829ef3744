"""Where a store comes from: studies, versions, machines, times; and what went wrong in it."""

from __future__ import annotations

from typing import Any

from explorer import yaml_text
from explorer.errors import StudyError
from explorer.plain_text import escaped
from explorer.records import STATUSES
from explorer.report.columns import Cells
from explorer.store import Store

NAMED = {
    "explorer_version": "explorer", "torch_version": "PyTorch", "ray_version": "Ray", "git_revision": "git revision",
    "device": "devices", "host": "hosts", "schema_version": "schema version",
}  # fmt: skip
MOST_NAMED = 12
LONGEST_TRACEBACK = 4000
FAILURE_COLUMNS = ("status", "kind", "cells", "shared", "cell_key", "settings")


def study_titles(store: Store) -> list[str]:
    """The names that the studies of a store give themselves."""
    names = []
    for text in store.study_texts():
        try:
            document, _ = yaml_text.parse(text, "study")
        except StudyError:
            continue
        if isinstance(document, dict) and document.get("name") is not None:
            names.append(escaped(str(document["name"])))
    return list(dict.fromkeys(names))


def facts(store: Store, cells: Cells, where: str | None) -> list[tuple[str, str]]:
    """What is said of the cells in view, as names and values."""
    counts = ", ".join(
        f"{int((cells.status == i).sum()):,} {s}" for i, s in enumerate(STATUSES) if (cells.status == i).any()
    )
    said = [("store", store.files.name), ("cells", f"{len(cells.keys):,}" + (f" ({counts})" if counts else ""))]
    seeds = next((len(s.levels) for s in cells.settings if s.role == "seed"), 1)
    said.append(("seeds", str(seeds)))
    if where:
        said.append(("chosen by", where))
    if store.searched.over:
        over = ", ".join(store.searched.over)
        said.append(("search", f"over {over}; of each grid point the best trial is shown"))
    condition = store.chosen(where)
    rows = f"FROM cells{f' WHERE {condition}' if condition else ''}"
    times = store.sql(
        f"SELECT min(finished_at) AS first, max(finished_at) AS last, sum(seconds) AS seconds {rows}"
    ).to_pylist()[0]
    if times["first"] is not None:
        said.append(("trained", f"{times['first']:%Y-%m-%d %H:%M} to {times['last']:%Y-%m-%d %H:%M} UTC"))
    if times["seconds"]:
        said.append(("time in training", f"{times['seconds'] / 3600:.3g} hours of cells"))
    for column, name in NAMED.items():
        if column in store.schema.names:
            found = store.sql(f"SELECT DISTINCT {column} AS v {rows} ORDER BY v").column(0).to_pylist()
            values = [escaped(str(value)) for value in found if value is not None]
            more = f" and {len(values) - MOST_NAMED} more" if len(values) > MOST_NAMED else ""
            if values:
                said.append((name, ", ".join(values[:MOST_NAMED]) + more))
    return said


def failed(store: Store) -> list[dict[str, Any]]:
    """The kinds of failure of the whole store, each with an example and its traceback."""
    return [
        {
            **{name: row[name] for name in FAILURE_COLUMNS},
            "text": str(row["traceback"] or row["error"] or "")[:LONGEST_TRACEBACK],
        }
        for row in store.failures().to_dict("records")
    ]
