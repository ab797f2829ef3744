"""All that a page shows, as plain data for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.axes import GLOSSARY, label, symbol
from explorer.errors import AnalysisError
from explorer.plain_text import escaped
from explorer.records import STATUSES
from explorer.registry import nearest
from explorer.report.boundaries import Boundaries, read_boundaries
from explorer.report.columns import Cells, Setting, colours, packed, read_cells, text_of, texts_of
from explorer.report.details import Embedded
from explorer.report.notation import unicode_text
from explorer.report.provenance import facts, failed, study_titles
from explorer.store import Store

ACROSS, UP, START = "sparsity", "rate", "random"


@dataclass(frozen=True, slots=True)
class View:
    """What a page is about and how it opens; see `explorer.report.write_report`. None: what suits the store."""

    where: str | None = None
    along: str | None = None
    x: str | None = None
    y: str | None = None
    value: str | None = None


def contents(store: Store, view: View, cells: Cells | None = None) -> dict[str, Any]:
    """The page's data but for the details of single cells.

    Raises AnalysisError where the view names what no cell has.
    """
    cells = read_cells(store, view.where) if cells is None else cells
    return {**about(store, view, cells), **columns(cells)}


def columns(cells: Cells, rows: Sequence[int] | NDArray[np.int64] | None = None) -> dict[str, Any]:
    """What is known of the cells, a column each; with `rows` of these cells alone, the levels and ranges those of all."""
    chosen = np.arange(len(cells.keys)) if rows is None else np.asarray(rows, dtype=np.int64)
    return {
        "settings": [_setting(s, chosen) for s in cells.settings],
        "keys": cells.keys if rows is None else [cells.keys[row] for row in chosen],
        "status": packed(cells.status[chosen]),
        "values": [
            {**_names(name), **packed(column[chosen]), "colours": colours(name, column)}
            for name, column in cells.values.items()
        ],
    }


def about(store: Store, view: View, cells: Cells) -> dict[str, Any]:
    """What the page says beside its cells: how it opens, boundaries, failures, provenance.

    Raises AnalysisError where the view names what no cell has.
    """
    titles = study_titles(store)
    return {
        "title": ", ".join(titles) or store.files.name,
        "fixed": [[name, text_of(value)] for name, value in cells.fixed.items()],
        "statuses": list(STATUSES),
        "opening": _opening(cells, view),
        "boundaries": _boundaries(read_boundaries(cells, view.along)),
        "failures": failed(store),
        "facts": facts(store, cells, view.where),
        "studies": [escaped_lines(text) for text in store.study_texts()],
        "replay": f"explorer replay {quote(store.files.name)}",
        "store": store.files.name,
    }


def escaped_lines(text: str) -> str:
    """A text of several lines without what moves a cursor or turns the direction of writing."""
    return "\n".join(escaped(line.replace("\t", "    ")) for line in text.splitlines())


def _names(name: str) -> dict[str, str]:
    term = GLOSSARY.get(name)
    return {
        "name": name,
        "label": unicode_text(label(name)),
        "symbol": unicode_text(symbol(name)).replace("_", " ") if term and term.symbol else name.replace("_", " "),
        "meaning": term.meaning if term else "",
    }


def _setting(setting: Setting, rows: NDArray[np.int64]) -> dict[str, Any]:
    numbers = [float(level) for level in setting.levels] if setting.scale != "names" else None
    return {
        **_names(setting.name),
        **packed(setting.codes[rows]),
        "levels": texts_of(setting.levels),
        "numbers": numbers,
        "scale": setting.scale,
        "role": setting.role,
        "refined": setting.refined,
    }


def _opening(cells: Cells, view: View) -> dict[str, Any]:
    """Axes, value and start of the first look: those asked for, else sparsity, rate, localization and a random start."""
    names = [s.name for s in cells.axes()]
    _known("--x", view.x, names)
    _known("--y", view.y, names)
    _known("--value", view.value, list(cells.values))
    if view.x is not None and view.x == view.y:
        raise AnalysisError(f'found "{view.x}" as both --x and --y, expected two different settings.')
    # Where one start is as good as another, what tells starts apart is no axis to open with.
    free = sorted(cells.axes(), key=lambda s: (s.name == "init", s.scale == "names", -len(s.levels)))
    x = view.x or _first([ACROSS, *(s.name for s in free)], names, view.y)
    y = view.y or _first([UP, *(s.name for s in free if s.name != "init")], names, x)
    start = next((s for s in cells.axes() if s.name == "init"), None)
    fixed = {"init": START} if start is not None and START in start.levels else {}
    return {"x": x, "y": y, "value": view.value or next(iter(cells.values), None), "fixed": fixed}


def _first(wanted: list[str], names: list[str], taken: str | None) -> str | None:
    return next((name for name in wanted if name in names and name != taken), None)


def _known(option: str, name: str | None, names: list[str]) -> None:
    if name is not None and name not in names:
        expected = f"one of {', '.join(names)}" if names else "none: nothing varies"
        raise AnalysisError(f'{option}: found "{name}", expected {expected}.{nearest(name, names)}')


def _boundaries(found: Boundaries) -> dict[str, Any]:
    return {"along": found.along, "by": found.by, "rows": found.rows, "theory": found.theory, "note": found.note}


def left_out(found: Embedded, total: int, store: str) -> str:
    """What of the cells' details a file does not hold, and how to see it; empty where it holds all."""
    said = []
    if not found.kept_encoders:
        said.append("The store keeps no encoders (keep: {minimizers: true} in a study keeps them).")
    if not found.kept_curves:
        said.append("The store keeps no training curves (keep: {curves: true} keeps them).")
    if found.cells < total:
        said.append(
            f"This file holds the details (encoder, training curve, machine) of {found.cells:,} of {total:,} cells, those of each "
            f"point's first seed before others: {found.encoders:,} of {found.kept_encoders:,} encoders that are kept. "
            f"For all of them: explorer serve {quote(store)}, or explorer report with a larger --budget or a narrower --where."
        )
    return " ".join(said)
