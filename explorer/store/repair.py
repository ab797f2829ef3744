"""Moving damaged files of a store aside, so that what they held counts from elsewhere or is trained again.

Nothing is deleted: `quarantine/<when>/` gets the damaged files, and the whole ones that must not count without them. Killed
anywhere, the same again goes on; see docs/decisions/0014.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from explorer.errors import StoreError
from explorer.records import SCHEMA_VERSION
from explorer.store.compact import publish_without
from explorer.store.damage import Damaged, damaged, examined, newer, ours
from explorer.store.files import Files
from explorer.store.parts import ORIGIN, Source, Unreadable, holders, is_ours, name_of, settled, sources
from explorer.store.reader import open_store
from explorer.store.writer import marker

pc: Any = pyarrow.compute  # its functions are made at import, out of a type checker's sight

QUARANTINE = "quarantine"
COLUMNS = ("file", "reason", "cells", "action")
# A compact or another repair may change the files while they are read: what is found then is looked at again.
MOST_LOOKS = 5
MOVED, WOULD_MOVE, WRITTEN, WOULD_WRITE = "moved", "would be moved", "written again", "would be written again"


@dataclass(frozen=True, slots=True)
class Repaired:
    """A file that was found, why, how many cells it concerns where that can be told, and what was done with it."""

    file: str
    reason: str
    cells: int | None
    action: str

    def row(self) -> dict[str, Any]:
        """As a row of a table."""
        return asdict(self)


@dataclass(slots=True)
class Repair:
    """What a repair found and did; `quarantine` is the folder in the store, `missing` the planned cells without a row then."""

    found: list[Repaired] = field(default_factory=list)
    quarantine: str | None = None
    missing: int | None = None


def repair(root: str, dry_run: bool = False, keep_rows: bool = False) -> Repair:
    """Read every file of a store whole and move the damaged ones into its folder `quarantine`.

    Cells whose curves or minimizers were lost lose their rows too, into the same folder, so that the study run again trains them
    with all that belongs to them; with `keep_rows` they keep their rows. A damaged `store.json` is written again. With `dry_run`
    it is only said what would be done. Safe while runs write and others read; not meant to be run beside `explorer compact`.

    Raises StoreError where there is no store, where a newer explorer wrote into it, and where files cannot be moved.
    """
    files = Files(root)
    done = Repair()
    lost_marker = _check_marker(files)
    place = f"{QUARANTINE}/{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
    for _ in range(MOST_LOOKS):
        found = damaged(files)
        if not found:
            break
        rows = [] if keep_rows else _rows_without(files, found)
        done.found += [
            *(Repaired(one.file, one.reason, one.cells, WOULD_MOVE if dry_run else MOVED) for one in found),
            *(one.said(dry_run) for one in rows),
        ]
        if dry_run:
            break
        done.quarantine = place
        files.publish(f"{place}/found-{uuid.uuid4().hex[:6]}.json", _report(done.found))
        for one in rows:  # before what tells that they must go
            one.leave(files, place)
        for one in found:
            if examined(files, one.file) is not None:  # not if it was written anew meanwhile
                move(files, one.file, f"{place}/{one.file}")
    if lost_marker:
        done.found.append(Repaired("store.json", lost_marker, None, WOULD_WRITE if dry_run else WRITTEN))
        if not dry_run:
            _write_marker(files, place, done)
    if done.found and not dry_run:
        done.missing = int(open_store(root).status()["missing"])
    return done


def _report(found: Sequence[Repaired]) -> bytes:
    return json.dumps([one.row() for one in found], indent=2).encode()


def _check_marker(files: Files) -> str | None:
    """What is wrong with store.json, if anything. Raises StoreError where there is no store, and of a newer version."""
    if not files.exists("store.json"):
        if next(ours(files), None) is None:
            open_store(files.address)  # says that there is none
        return "it is not there"
    try:
        version = int(json.loads(files.read(files.path("store.json")))["explorer_store"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it does not say its schema version"
    if version > SCHEMA_VERSION:
        raise newer(files, version)
    return None


def _write_marker(files: Files, place: str, done: Repair) -> None:
    """All rows are of versions that this explorer reads, or it would have refused; so the store is of this version."""
    if files.exists("store.json"):
        done.quarantine = place
        move(files, "store.json", f"{place}/store.json")
    files.publish("store.json", marker())


@dataclass(frozen=True, slots=True)
class _Rows:
    """A whole file of cells with rows that must not count: those of `parts`; all of them where it is not to be written anew."""

    file: str
    source: Source
    parts: frozenset[str]
    cells: int
    anew: bool
    what: str

    def said(self, dry_run: bool) -> Repaired:
        return Repaired(
            self.file, f"whole; of cells without their {self.what}", self.cells, WOULD_MOVE if dry_run else MOVED
        )

    def leave(self, files: Files, place: str) -> None:
        """Take the rows away. What else the file holds counts from another file before it is gone."""
        if self.anew:
            publish_without(files, "cells", self.source, self.parts)
        move(files, self.file, f"{place}/{self.file}")


def _rows_without(files: Files, found: Sequence[Damaged]) -> list[_Rows]:
    """The files of cells with rows whose curves or minimizers were in damaged files, and are nowhere else."""
    broken = {files.path(one.file) for one in found}
    lost: dict[str, str] = {}
    cells = _whole(files, "cells", broken)
    for folder in ("curves", "minimizers"):
        gone = [one for one in found if one.folder == folder]
        if gone:
            there = holders(settled(_whole(files, folder, broken))[0])
            lost |= {name: folder for name in _packs_of(files, gone, cells) if name not in there}
    if not lost:
        return []
    counted = {source.path: source for source in settled(cells)[0]}
    return [taken for source in cells if (taken := _taken(files, counted.get(source.path), source, lost)) is not None]


def _taken(files: Files, counted: Source | None, source: Source, lost: dict[str, str]) -> _Rows | None:
    """What of a file of cells has to go; `counted` is the file with what counts from it, if anything does."""
    parts = frozenset(part for part in source.parts if _pack_of(part) in lost)
    if not parts:
        return None
    kept = [] if counted is None else [part for part in counted.counted if part not in parts]
    (what, *_) = sorted({lost[_pack_of(part)] for part in parts})
    rows = _rows_of(files, source, parts)
    return _Rows(source.path.removeprefix(f"{files.root}/"), counted or source, parts, rows, bool(kept), what)


def _rows_of(files: Files, source: Source, parts: frozenset[str]) -> int:
    """How many cells these parts of a file hold."""
    with pq.ParquetFile(source.path, filesystem=files.system) as file:
        if not source.merged:
            return file.metadata.num_rows
        at = [position for position, part in enumerate(source.parts) if part in parts]
        column = file.read([ORIGIN]).column(ORIGIN)
    return int(pc.sum(pc.is_in(column, pa.array(at, pa.int32()))).as_py() or 0)


def _whole(files: Files, folder: str, broken: Iterable[str]) -> list[Source]:
    """The files of a folder that are not damaged."""
    listed = filter(is_ours, files.listing(folder, ".parquet"))
    return sources([path for path in listed if path not in set(broken)], files)


def _packs_of(files: Files, gone: Sequence[Damaged], cells: Sequence[Source]) -> Iterator[str]:
    """The packs whose curves or minimizers these files held; of a merged file that no longer says so, any that has rows."""
    for one in gone:
        try:
            (source,) = sources([files.path(one.file)], files)
        except Unreadable:
            yield from (_pack_of(part) for other in cells for part in other.parts)
        else:
            yield from map(name_of, source.parts)


def _pack_of(part: str) -> str:
    """The pack of a part of cells."""
    return name_of(part).rpartition("-")[2]


def move(files: Files, source: str, target: str) -> None:
    """Move a file within a store; harmless where it is gone. Elsewhere than on a disk it is deleted once the copy is whole."""
    start, end = files.path(source), files.path(target)
    try:
        if files.local:
            os.makedirs(os.path.dirname(end), exist_ok=True)
            os.rename(start, end)
            return
        content = files.read(start)
        files.publish(target, content)
        if files.read(end) != content:
            raise StoreError(f"{start}: its copy {end} is not the same; it was left where it is.")
        files.system.delete_file(start)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"{start}: could not be moved to {end}: {error}") from error
