"""The data behind a figure as one tidy table, which is written beside the picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

Part = tuple[str, pd.DataFrame]
# Fields whose text says which panel the data beside it are of.
NAMES = ("title", "name")
# What was asked of a figure is its settings and not its data.
LEFT_OUT = ("options",)


def stacked(parts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The parts below each other with a first column `part`; a column that a part lacks is missing in its rows."""
    frames = [frame.assign(part=name).astype(object) for name, frame in parts.items() if len(frame)]
    if not frames:
        return pd.DataFrame({"part": pd.Series(dtype=str)})
    whole = pd.concat(frames, ignore_index=True)
    whole.columns = [str(name) for name in whole.columns]
    return whole[["part", *(name for name in whole if name != "part")]].infer_objects()


def parts_of(data: Any) -> dict[str, pd.DataFrame]:
    """Every table, series and array in extracted data, whatever its dataclasses are, by the name of its field.

    Data of one field of several panels are one part, with a column `panel` of their titles. An array is long: its indices and
    its values. Numbers and names of the outermost dataclass are one part more, `figure`.
    """
    found: dict[str, list[pd.DataFrame]] = {}
    for name, frame in _walk(data, "data", ""):
        found.setdefault(name, []).append(frame)
    parts = {name: pd.concat(frames, ignore_index=True) for name, frames in found.items()}
    if dataclasses.is_dataclass(data) and (own := _scalars(data)):
        parts["figure"] = pd.DataFrame([own])
    return parts


def _scalars(data: Any) -> dict[str, Any]:
    fields = {field.name: getattr(data, field.name) for field in dataclasses.fields(data)}
    return {name: value for name, value in fields.items() if isinstance(value, str | bool | int | float)}


def _walk(data: Any, name: str, panel: str) -> Iterator[Part]:
    if dataclasses.is_dataclass(data) and not isinstance(data, type):
        fields = [field.name for field in dataclasses.fields(data) if field.name not in LEFT_OUT]
        own = next((str(getattr(data, field)) for field in NAMES if field in fields), "")
        inside = " / ".join(part.replace("\n", ", ") for part in (panel, own) if part)
        for field in fields:
            yield from _walk(getattr(data, field), field, inside)
    elif isinstance(data, Mapping):
        for key, value in data.items():
            words = ", ".join(f"{part}" for part in (key if isinstance(key, tuple) else (key,)))
            yield from _walk(value, name, " / ".join(part for part in (panel, words) if part))
    elif isinstance(data, pd.DataFrame | pd.Series | np.ndarray):
        frame = _frame(data)
        if len(frame):
            yield name, frame.assign(panel=panel) if panel else frame
    elif isinstance(data, Sequence) and not isinstance(data, str):
        for value in data:
            yield from _walk(value, name, panel)


def _frame(data: pd.DataFrame | pd.Series | np.ndarray) -> pd.DataFrame:
    if isinstance(data, pd.DataFrame):
        return data
    if isinstance(data, pd.Series):
        named = not pd.api.types.is_numeric_dtype(data.index.dtype)
        return data.to_frame().T.reset_index(drop=True) if named else data.to_frame().reset_index(drop=True)
    indices = np.indices(data.shape).reshape(data.ndim, -1)
    columns = ("row", "column", "layer")[: data.ndim]
    return pd.DataFrame({**dict(zip(columns, indices, strict=False)), "value": data.ravel()})
