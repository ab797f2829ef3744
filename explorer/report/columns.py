"""The cells of a store as columns: settings coded by their levels, results as numbers."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer import yaml_text
from explorer.analysis import READ
from explorer.analysis.grid import scale
from explorer.analysis.table import single
from explorer.axes import BOUNDED
from explorer.errors import StudyError
from explorer.plain_text import escaped
from explorer.records import STATUSES
from explorer.store import Store

FIRST = ("localization", "loss")
LAST = ("objective", "loss_se", "steps_taken", "seconds")
SEED = "seed"
ABSENT = "—"
# Beyond how many times the spread of all but the outermost hundredths on each side an outlier no longer stretches the colours.
STRETCH = 3.0

# axis: may be chosen; seed: names replicates; told: follows from the others, or was found by a search.
Role = Literal["axis", "seed", "told"]


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that varies: its levels in increasing order (None last, for cells without it), and each cell's level.

    `scale` is `linear` or `log` for finite numbers, `names` for anything else; `refined` where a refinement chose the values, so
    that each row of a diagram has values of its own.
    """

    name: str
    levels: tuple[Any, ...]
    codes: NDArray[np.int64]
    scale: str
    role: Role
    refined: bool = False


@dataclass(frozen=True, slots=True)
class Cells:
    """The chosen cells, sorted by key, and the settings that all of them share; `frame` is what boundaries are fitted to."""

    keys: list[str]
    status: NDArray[np.int64]
    settings: list[Setting]
    fixed: Mapping[str, Any]
    values: Mapping[str, NDArray[np.float32]]
    frame: pd.DataFrame

    def axes(self) -> list[Setting]:
        """The settings that may be chosen as axes."""
        return [setting for setting in self.settings if setting.role == "axis"]

    def usable(self) -> NDArray[np.bool_]:
        """Which cells carry a result."""
        return ~np.isin(self.status, [STATUSES.index("failed"), STATUSES.index("diverged")])


def read_cells(store: Store, where: str | None = None) -> Cells:
    """The cells where an SQL condition holds; of a search the best trial of each grid point."""
    found = list(store.searched.over)
    results = [name for name in (*LAST, "loss", *store.observables) if name in store.schema.names]
    frame = store.outcomes(("cell_key", *READ, *results, *found), where)
    frame = frame.sort_values("cell_key", kind="stable").reset_index(drop=True)
    settings = [name for name in store.settings if name in frame]
    varied = [name for name in settings if not single(frame[name])]
    fixed = {name: plain(frame[name].iloc[0]) for name in settings if name not in varied and len(frame)}
    refined = _refined(store)
    coded = {name: _levels(frame[name]) for name in varied}
    told = _told(coded, {*found})
    return Cells(
        [str(key) for key in frame["cell_key"]],
        np.array([STATUSES.index(s) if s in STATUSES else 0 for s in frame["status"]], dtype=np.int64),
        [
            Setting(name, levels, codes, _scale(levels), _role(name, told), name in refined)
            for name, (levels, codes) in coded.items()
        ],
        {name: value for name, value in fixed.items() if value is not None},
        _values(frame, results),
        frame.drop(columns=[name for name in found if name in frame]),
    )


def _refined(store: Store) -> set[str]:
    """The axes along which studies of the store were refined."""
    along: set[str] = set()
    for text in store.study_texts():
        try:
            document, _ = yaml_text.parse(text, "study")
        except StudyError:  # of a newer version
            continue
        section = document.get("refine") if isinstance(document, dict) else None
        said = section.get("along") if isinstance(section, dict) else None
        along |= {str(name) for name in (said if isinstance(said, list) else [said])}
    return along


def plain(value: Any) -> Any:
    """A value as Python's own type; None for a missing one."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if value is None or value != value else value


def texts_of(levels: Sequence[Any]) -> list[str]:
    """Levels as they are shown: numbers to as few digits, six or twelve, as tell them apart."""
    short = [text_of(level, 6) for level in levels]
    return short if len(set(short)) == len(short) else [text_of(level) for level in levels]


def text_of(value: Any, digits: int = 12) -> str:
    """A value as it is shown, a name without control characters."""
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return ("∞" if value > 0 else "−∞") if math.isinf(value) else f"{value:.{digits}g}"
    return escaped(str(value))


def _levels(column: pd.Series) -> tuple[tuple[Any, ...], NDArray[np.int64]]:
    codes, found = pd.factorize(column, sort=True, use_na_sentinel=True)
    levels = tuple(plain(level) for level in found)
    codes = np.asarray(codes, dtype=np.int64)
    if (codes < 0).any():
        return (*levels, None), np.where(codes < 0, len(levels), codes)
    return levels, codes


def _scale(levels: Sequence[Any]) -> str:
    numbers = [level for level in levels if isinstance(level, int | float) and not isinstance(level, bool)]
    return scale(numbers) if len(numbers) == len(levels) and np.isfinite(numbers).all() else "names"


def _role(name: str, told: set[str]) -> Role:
    return "seed" if name == SEED else "told" if name in told else "axis"


def _told(coded: Mapping[str, tuple[tuple[Any, ...], NDArray[np.int64]]], found: set[str]) -> set[str]:
    """The settings that need no switch of their own: found by a search, derived, or of some cells only and told by the others."""
    told = found & {*coded}
    if "code_dimension" in coded and {"rate", "dimension"} & {*coded}:
        told.add("code_dimension")
    if "fingerprint" in coded:
        told.add("fingerprint")
    kept = [name for name in coded if name not in told and name != SEED]
    points = _points([coded[name][1] for name in kept])
    for name in [name for name in kept if None in coded[name][0]]:
        fewer = [other for other in kept if other != name]
        if fewer and _points([coded[other][1] for other in fewer]) == points:
            kept, told = fewer, told | {name}
    return told


def _points(codes: Iterable[NDArray[np.int64]]) -> int:
    return int(group(codes).max(initial=-1)) + 1


def group(codes: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    """A number for each combination of codes, from 0."""
    groups: NDArray[np.int64] | None = None
    for column in codes:
        mixed = column if groups is None else groups * (int(column.max(initial=0)) + 1) + column
        groups = np.unique(mixed, return_inverse=True)[1].astype(np.int64)
    return np.zeros(0, dtype=np.int64) if groups is None else groups


def _values(frame: pd.DataFrame, results: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """The columns of numbers that any cell has, order parameters before what training took."""
    order = [*FIRST, *(name for name in results if name not in (*FIRST, *LAST)), *LAST]
    columns: dict[str, NDArray[np.float32]] = {}
    for name in order:
        if name in results and name in frame and pd.api.types.is_numeric_dtype(frame[name]):
            with np.errstate(over="ignore"):
                column = frame[name].to_numpy(dtype=float, na_value=np.nan).astype(np.float32)
            if np.isfinite(column).any():
                columns[name] = column
    return columns


def colours(name: str, column: NDArray[np.float32]) -> tuple[float, float]:
    """The ends of a column's colour scale, the same whatever cells are in view."""
    if name in BOUNDED:
        return BOUNDED[name]
    finite = column[np.isfinite(column)].astype(float)
    low, high = float(finite.min()), float(finite.max())
    inner = np.quantile(finite, (0.01, 0.99))
    spread = float(inner[1] - inner[0])
    if high - low > STRETCH * spread > 0:
        low, high = float(inner[0]), float(inner[1])
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def packed(column: NDArray[Any]) -> dict[str, Any]:
    """A column in base64, little-endian: floats of four bytes, codes of one, two or four."""
    if column.dtype.kind == "f":
        return {"bytes": 4, "data": base64.b64encode(column.astype("<f4").tobytes()).decode()}
    most = int(column.max(initial=0))
    width = 1 if most < 2**8 else 2 if most < 2**16 else 4
    return {"bytes": width, "data": base64.b64encode(column.astype(f"<u{width}").tobytes()).decode()}
