"""From a store to a file that opens anywhere, offline."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from explorer.errors import AnalysisError, StoreError
from explorer.report.columns import read_cells
from explorer.report.contents import View, contents, left_out
from explorer.report.details import embedded
from explorer.report.page import library, page
from explorer.store import Store, open_store
from explorer.store.files import Files

MEGABYTE = 10**6
BUDGET = 20.0


@dataclass(frozen=True, slots=True)
class Written:
    """The size of a report in bytes, its cells, and what of them it leaves out, in words."""

    size: int
    cells: int
    left_out: str


def write_report(
    store: Store | str | os.PathLike[str],
    out: str | os.PathLike[str],
    view: View | None = None,
    budget: float = BUDGET,
) -> Written:
    """Write a store's outcomes as one HTML file, in one step.

    `budget` is how many megabytes the encoders and curves of single cells may take: one cell of each point first, then
    further seeds. Raises StoreError where there is no store, AnalysisError where there are no cells or the view names
    what no cell has.
    """
    view = View() if view is None else view
    if not 0 <= budget < float("inf"):
        raise AnalysisError(f"--budget: found {budget:g}, expected a number of megabytes, 0 or more.")
    library()
    opened = store if isinstance(store, Store) else open_store(store)
    cells = read_cells(opened, view.where)
    if not cells.keys:
        chosen = f" where {view.where}" if view.where else ""
        raise AnalysisError(f"{opened.files.name}: no cells{chosen}; run the study first, or widen the condition.")
    data = contents(opened, view, cells)
    found = embedded(opened, cells, budget * MEGABYTE)
    said = left_out(found, len(cells.keys), opened.files.name)
    content = page({**data, "details": found.details, "left_out": said})
    target = Path(out)
    try:
        Files(target.parent).publish(target.name, content)
    except StoreError as error:
        raise AnalysisError(f"report: {error}") from error
    return Written(len(content), len(cells.keys), said)
