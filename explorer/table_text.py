"""A frame as text: for a person, for a spreadsheet, for a program."""

from __future__ import annotations

import json
import math
from typing import Any

from explorer.errors import AnalysisError
from explorer.registry import nearest


def table_text(frame: Any, form: str) -> str:
    """A frame as an aligned table, CSV or JSON records; missing values are empty, empty and null, infinity is inf, "inf" in JSON."""
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
            elif shown[name].dtype.kind not in "biuM":
                shown[name] = shown[name].map(lambda value: printable(value) if isinstance(value, str) else value)
        return shown.astype(object).where(shown.notna(), "").to_string(index=False) + "\n"
    raise AnalysisError(
        f'--format: found "{form}", expected one of table, csv, json.{nearest(form, ("table", "csv", "json"))}'
    )


def printable(text: str, kept: str = "") -> str:
    """A text with its control characters escaped, save for those in `kept`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in kept else c.encode("unicode_escape").decode("ascii") for c in text)


def _plain(value: Any) -> Any:
    """What json does not know: NumPy scalars and arrays as numbers and lists, times as ISO text."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.tolist() if hasattr(value, "tolist") else str(value)
