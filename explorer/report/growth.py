"""What is new in a page's data since a page was made of them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.report.columns import Cells
from explorer.report.contents import columns
from explorer.report.page import json_text

# Each may have levels of its own, along a refined axis: this many are a few megabytes, and at least five minutes.
MOST_VERSIONS = 100
COLUMNS = "columns"


@dataclass(frozen=True, slots=True)
class Version:
    """What a page of this version has: the levels that its codes stand for, and of the parts that are sent whole their digests."""

    number: int
    levels: Mapping[str, tuple[Any, ...]]
    fixed: Mapping[str, Any]
    parts: Mapping[str, bytes]

    def levels_of(self, name: str) -> tuple[Any, ...]:
        """The levels of a setting, one where all cells shared its value."""
        return self.levels.get(name, (self.fixed.get(name),))


class State:
    """The data of a page, and what of them is new since any of the last versions; never changed once made.

    Versions are those of one server: their marks mean nothing to another, nor to the same one started again.
    """

    def __init__(self, cells: Cells, about: dict[str, Any], before: State | None = None) -> None:
        self.cells, self.about = cells, about
        number = 0 if before is None else before.version.number + 1
        levels = {setting.name: setting.levels for setting in cells.settings}
        parts = {name: _digest(part) for name, part in {**about, COLUMNS: columns(cells, [])}.items()}
        self.version = Version(number, levels, cells.fixed, parts)
        self._server = secrets.token_hex(4) if before is None else before._server
        self._changed = np.full(len(cells.keys), number)
        self._gone: dict[str, int] = {}
        self._versions = {self.mark: self.version}
        if before is not None:
            at = unchanged(before.cells, cells)
            self._changed[at >= 0] = before._changed[at[at >= 0]]
            kept = [*before._versions.items()][1 - MOST_VERSIONS :]
            self._versions = {**dict(kept), **self._versions}
            here, oldest = {*cells.keys}, kept[0][1].number
            gone = {**before._gone, **dict.fromkeys((key for key in before.cells.keys if key not in here), number)}
            self._gone = {key: when for key, when in gone.items() if key not in here and when > oldest}

    @property
    def mark(self) -> str:
        """The name of this version."""
        return f"{self._server}-{self.version.number}"

    def then(self, cells: Cells, about: dict[str, Any]) -> State:
        """The state with these data: this one where nothing differs."""
        after = State(cells, about, self)
        number = after.version.number
        moved = bool((after._changed == number).any()) or number in after._gone.values()
        return after if moved or after.version.parts != self.version.parts else self

    def whole(self) -> dict[str, Any]:
        """All data of a page."""
        return {**self.about, **columns(self.cells), "mark": self.mark}

    def since(self, mark: str) -> dict[str, Any]:
        """What a page of an earlier version lacks; all data where its mark is not known.

        Cells that came or changed, in `keys` and the columns, and those that are gone; of each setting where a code of that version
        moved; the parts that are not cells' where they changed. `since` is the version that is added to, `count` how many cells
        there are then.
        """
        version = self._versions.get(mark)
        if version is None:
            return self.whole()
        found = columns(self.cells, np.flatnonzero(self._changed > version.number))
        for sent, setting in zip(found["settings"], self.cells.settings, strict=True):
            sent["moved"] = places(version.levels_of(setting.name), setting.levels).tolist()
        parts = {name: part for name, part in self.about.items() if version.parts[name] != self.version.parts[name]}
        gone = [key for key, when in self._gone.items() if when > version.number]
        return {**parts, **found, "gone": gone, "count": len(self.cells.keys), "since": mark, "mark": self.mark}


def _digest(part: Any) -> bytes:
    return hashlib.sha256(json_text(part).encode("utf-8", "backslashreplace")).digest()


def places(levels: Sequence[Any], among: Sequence[Any]) -> NDArray[np.int64]:
    """Where each level is among others; -1 where it is not."""
    found = {level: place for place, level in enumerate(among)}
    return np.array([found.get(level, -1) for level in levels], dtype=np.int64)


def unchanged(before: Cells, after: Cells) -> NDArray[np.int64]:
    """Of each cell after its place before, where all that is known of it is the same; else -1."""
    at = pd.Index(before.keys, dtype=object).get_indexer(pd.Index(after.keys, dtype=object)).astype(np.int64)
    there = np.flatnonzero(at >= 0)
    then = at[there]
    same = before.status[then] == after.status[there]
    names = (*(s.name for s in (*before.settings, *after.settings)), *before.fixed, *after.fixed)
    for name in dict.fromkeys(names):
        (levels, codes), (among, now) = _coded(before, name), _coded(after, name)
        same &= places(levels, among)[codes[then]] == now[there]
    for name in {**before.values, **after.values}:
        old, new = (cells.values.get(name, np.full(len(cells.keys), np.nan)) for cells in (before, after))
        same &= (old[then] == new[there]) | (np.isnan(old[then]) & np.isnan(new[there]))
    at[there[~same]] = -1
    return at


def _coded(cells: Cells, name: str) -> tuple[tuple[Any, ...], NDArray[np.int64]]:
    """The levels of any setting, and each cell's."""
    for setting in cells.settings:
        if setting.name == name:
            return setting.levels, setting.codes
    return (cells.fixed.get(name),), np.zeros(len(cells.keys), dtype=np.int64)
