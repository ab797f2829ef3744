"""A frame as text: for a person, for a spreadsheet, for a program."""

from __future__ import annotations

import json
import math
from typing import Any

from explorer.errors import AnalysisError
from explorer.plain_text import escaped, printable
from explorer.registry import nearest

LONGEST = 300


def table_text(frame: Any, form: str) -> str:
    """A frame as an aligned table, CSV or JSON records; missing values are empty, empty and null, infinity is inf, "inf" in JSON.

    In a table a line break or a control character is shown escaped, and a text is cut after 300 characters; CSV and JSON have all.
    """
    frame = frame.set_axis(_told_apart(list(frame.columns)), axis=1)
    if form == "csv":
        return frame.to_csv(index=False)
    if form == "json":
        records = (
            frame.astype(object)
            .where(frame.notna(), None)
            .replace([math.inf, -math.inf], ["inf", "-inf"])
            .to_dict("records")
        )
        return json.dumps(records, indent=2, default=_plain, allow_nan=False) + "\n"
    if form == "table":  # one line a row, and nothing that a terminal would obey
        shown = frame.copy()
        for name in shown.columns:
            if shown[name].dtype.kind == "f":
                shown[name] = shown[name].map(lambda value: "" if value != value else f"{value:.5g}")
        shown = shown.astype(object).where(shown.notna(), "")
        shown = shown.map(lambda value: printable(value, LONGEST) if isinstance(value, str) else value)
        shown.columns = [printable(str(name), LONGEST) for name in shown.columns]
        lines = shown.to_string(index=False).split("\n")
        return "".join(f"{escaped(line)}\n" for line in lines)  # of texts in lists, too
    raise AnalysisError(
        f'--format: found "{form}", expected one of table, csv, json.{nearest(form, ("table", "csv", "json"))}'
    )


def _told_apart(names: list[Any]) -> list[Any]:
    """Names of columns, the second "a" as "a_2"."""
    if len(set(names)) == len(names):
        return names
    told: list[Any] = []
    for name in names:
        number = 1
        new = name
        while new in told or (number > 1 and new in names):
            number += 1
            new = f"{name}_{number}"
        told.append(new)
    return told


def _plain(value: Any) -> Any:
    """What json does not know: NumPy scalars and arrays as numbers and lists, times as ISO text."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.tolist() if hasattr(value, "tolist") else str(value)
