"""Rounds: the cells that refinement and search proposed, kept beside the study that asked for them.

`studies/<study>.<section>-<number>.keys.parquet`, with the columns `cell_key` and `settings` (JSON): a run that was stopped
trains the cells it had proposed, and a reader can tell in which round each was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from explorer.store.files import Files
from explorer.store.parts import unreadable
from explorer.store.seal import flaw

_FILE = re.compile(r"(?P<study>[0-9a-f]{12})\.(?P<section>[a-z]+)-(?P<number>\d{5})\.keys\.parquet$")

_GRID = re.compile(r"(^|/)[0-9a-f]{12}\.keys\.parquet$")


class Proposed(Protocol):
    """A cell, with what determines it."""

    key: Any

    @property
    def settings(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Round:
    """The cells that a section of a study, `refine` or `search`, proposed at once; `study` is the name of its text."""

    study: str
    section: str
    number: int
    keys: tuple[str, ...]
    settings: tuple[dict[str, Any], ...]


def is_plan(path: str) -> bool:
    """Whether a file of `studies` is called as the keys of a study or of a round are."""
    return is_round(path) or _GRID.search(path) is not None


def is_round(path: str) -> bool:
    """Whether a file of keys is that of a round."""
    return _FILE.search(path) is not None


def write_round(files: Files, study: str, section: str, number: int, cells: Sequence[Proposed]) -> None:
    """Keep a round: its cells are planned from then on."""
    table = pa.table({
        "cell_key": pa.array([cell.key for cell in cells], pa.string()),
        "settings": pa.array([json.dumps(dict(cell.settings), sort_keys=True) for cell in cells], pa.string()),
    })  # fmt: skip
    files.publish_table(f"studies/{study}.{section}-{number:05d}.keys.parquet", table)


def read_rounds(files: Files, study: str | None = None) -> Iterator[Round]:
    """The rounds of one study, or of all, each study's in their order."""
    listed = [_FILE.search(path) for path in sorted(files.listing("studies", ".keys.parquet"))]
    asked = [found for found in listed if found and study in (None, found["study"])]
    for found, content in zip(asked, files.read_all([found.string for found in asked]), strict=True):
        keys, settings = _read(found.string, content)
        yield Round(found["study"], found["section"], int(found["number"]), keys, settings)


def _read(path: str, content: bytes) -> tuple[tuple[str, ...], tuple[dict[str, Any], ...]]:
    """The keys and settings of a round. Raises Unreadable where the file is damaged."""
    wrong = flaw(content)
    if wrong:
        raise unreadable(path, wrong)
    try:
        rows = pq.read_table(pa.BufferReader(content), page_checksum_verification=True).to_pydict()
        return tuple(rows["cell_key"]), tuple(json.loads(text) for text in rows["settings"])
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise unreadable(path, error) from error
