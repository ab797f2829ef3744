"""Which files of a store are damaged, and what is said of them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from explorer.errors import StoreError
from explorer.records import (
    CURVES,
    FAILURES,
    IDENTITY,
    MINIMIZERS,
    PACKS,
    PROVENANCE,
    RESULT,
    SCHEMA_VERSION,
    schema_digest,
)
from explorer.store.files import Files, Unreachable
from explorer.store.parts import ORIGIN, Unreadable, digest_of, is_ours, sources
from explorer.store.rounds import is_plan, is_round
from explorer.store.seal import flaw
from explorer.store.studies import flaw_of_text, is_text

pc: Any = pyarrow.compute  # its functions are made at import, out of a type checker's sight

MOST_NAMED = 20
_RUN = re.compile(r"\d{8}T\d{6}")
_KEYS = pa.schema([pa.field("cell_key", pa.string())])
_ROUND = pa.schema([*_KEYS, pa.field("settings", pa.string())])
_CELLS = pa.schema([*IDENTITY, *RESULT, *PROVENANCE])
_ALWAYS = ("cell_key", "status", "loss", "pack_key", "finished_at", "schema_version")
_PLAIN = {pa.string(), pa.float64(), pa.int64(), pa.bool_(), pa.timestamp("us", tz="UTC")}
_FIXED = {"curves": CURVES, "minimizers": MINIMIZERS, "failures": FAILURES}
# What Arrow raises of bytes that are no Parquet file, or one that says of itself what is not so.
_ARROW = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A damaged file, by its path in the store; `cells` are those whose rows, points or matrices it held, where that can be told."""

    file: str
    reason: str
    cells: int | None = None

    @property
    def folder(self) -> str:
        return os.path.dirname(self.file)


def ours(files: Files) -> Iterator[str]:
    """The paths in the store of the files that are checked: all that a store is made of, but for its marker and its logs."""
    for folder in ("cells", *_FIXED):
        yield from (_relative(files, path) for path in files.listing(folder, ".parquet") if is_ours(path))
    for suffix, is_one in ((".keys.parquet", is_plan), (".yaml", is_text)):
        yield from (_relative(files, path) for path in files.listing("studies", suffix) if is_one(path))
    for suffix in (".json", ".packs.parquet"):
        yield from (_relative(files, path) for path in files.listing("runs", suffix))


def _relative(files: Files, path: str) -> str:
    return path.removeprefix(f"{files.root}/")


def damaged(files: Files) -> list[Damaged]:
    """Every damaged file of a store, found by reading all files whole. One that is gone when it is read is not damaged.

    Raises StoreError where a file is whole and was written by a newer explorer.
    """
    found = (examined(files, relative) for relative in ours(files))
    return [one for one in found if one is not None]


def examined(files: Files, relative: str) -> Damaged | None:
    """What is wrong with a file, if anything."""
    try:
        content = files.read(files.path(relative))
        if relative.endswith(".parquet"):
            reason = flaw(content) or _flaw_of_table(files, relative, content)
            return Damaged(relative, reason, _cells_in(content)) if reason else None
        reason = flaw_of_text(relative, content) if relative.endswith(".yaml") else _flaw_of_note(content)
        return Damaged(relative, reason) if reason else None
    except FileNotFoundError:
        return None
    except Unreachable as error:
        if not files.local:  # an endpoint that does not answer says nothing of the file
            raise
        return Damaged(relative, _first_line(error))


def _flaw_of_table(files: Files, relative: str, content: bytes) -> str | None:
    folder, name = os.path.split(relative)
    try:
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        schema, rows = file.schema_arrow, file.read()
        rows.validate(full=True)
        if folder == "runs":
            return _lacking(schema, PACKS)
        if folder == "studies":
            return _lacking(schema, _ROUND if is_round(name) else _KEYS) or _flaw_of_settings(rows)
        if name.startswith("merged-"):
            reason = _flaw_of_parts(files, relative, rows)
        else:
            reason = flaw_of_columns(schema, digest_of(name.removeprefix("part-"))) if folder == "cells" else None
        if folder != "cells":
            return reason or _lacking(schema, _FIXED[folder])
        newest = pc.max(rows.column("schema_version")).as_py() if "schema_version" in schema.names else None
    except FileNotFoundError:
        raise
    except _ARROW as error:
        return _first_line(error)
    reason = reason or flaw_of_columns(schema)
    if reason is None and newest is not None and newest > SCHEMA_VERSION:
        raise newer(files, newest)
    return reason


def flaw_of_columns(schema: pa.Schema, digest: str | None = None) -> str | None:
    """What is wrong with the columns of a table of cells, if anything; `digest` is that of the schema with which it was written.

    Types beyond those of our own columns may come back from Parquet under other names, and are taken as they are.
    """
    lacking = _lacking(schema, _CELLS, _ALWAYS)
    if lacking is None and digest is not None and set(schema.types) <= _PLAIN and schema_digest(schema) != digest:
        return "its columns are not those that its name says"
    return lacking


def _flaw_of_parts(files: Files, relative: str, rows: pa.Table) -> str | None:
    """Whether a merged file says what it holds, and each row is of a part in that list."""
    try:
        (source,) = sources([files.path(relative)], files)
    except Unreadable:
        return "a merged file that does not say what it holds"
    if ORIGIN not in rows.column_names or rows.schema.field(ORIGIN).type != pa.int32():
        return "a merged file that does not say from which parts its rows are"
    ends = pc.min_max(rows.column(ORIGIN)).as_py()
    inside = not len(rows) or 0 <= ends["min"] <= ends["max"] < len(source.parts)
    return None if inside else "a merged file with rows of parts that it does not list"


def _lacking(schema: pa.Schema, expected: pa.Schema, always: tuple[str, ...] | None = None) -> str | None:
    """Which column of `expected` has another type or, where it is one of `always` (all by default), is not there."""
    for field in expected:
        if field.name in schema.names:
            if schema.field(field.name).type != field.type:
                return f"its column {field.name} is {schema.field(field.name).type}, expected {field.type}"
        elif always is None or field.name in always:
            return f"it has no column {field.name}"
    return None


def _flaw_of_settings(rows: pa.Table) -> str | None:
    """Whether the settings of a round's cells can be read."""
    if "settings" in rows.column_names:
        for text in rows.column("settings").to_pylist():
            if not isinstance(json.loads(text), dict):
                return "its settings are not those of cells"
    return None


def _flaw_of_note(content: bytes) -> str | None:
    return None if _note(content) is not None else "it is not what a run says of itself"


def _note(content: bytes) -> dict[str, Any] | None:
    """What a run says of itself, if the file can be read."""
    try:
        said = json.loads(content)
        for moment in {"started_at", "updated_at"} & said.keys():
            if datetime.fromisoformat(said[moment]).tzinfo is None:
                return None
    except (ValueError, AttributeError, TypeError, RecursionError):
        return None
    return said


def read_run(path: str, content: bytes) -> dict[str, Any]:
    """What a run says of itself; of a damaged file the run's name, when it began as its name has it, and the state `unreadable`."""
    said = _note(content)
    if said is not None:
        return said
    name = os.path.basename(path).removesuffix(".json")
    began = _RUN.match(name)
    started = datetime.strptime(began[0], "%Y%m%dT%H%M%S").replace(tzinfo=UTC).isoformat() if began else ""
    return {"run": name, "state": "unreadable", "started_at": started}


def _cells_in(content: bytes) -> int | None:
    """How many cells a damaged table is about, where its column of keys can still be read."""
    try:
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        return len(set(file.read(["cell_key"]).column("cell_key").to_pylist()))
    except _ARROW:
        return None


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def newer(files: Files, version: int) -> StoreError:
    """What is said of a store that a newer explorer wrote into."""
    return StoreError(
        f"{files.name}: written with schema version {version}, and this explorer reads up to {SCHEMA_VERSION}; upgrade explorer."
    )


def refusal(files: Files, error: Unreadable) -> StoreError:
    """What a reader says where files are damaged: all of them, on a disk; `error` where none is, or where looking takes a download."""
    if not files.local:
        return error
    found = damaged(files)
    if not found:
        return error
    named = ", ".join(f"{one.file} ({one.reason})" for one in found[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    count = f"{len(found)} damaged files" if len(found) > 1 else "a damaged file"
    return StoreError(
        f"{files.name}: {count}: {named}{more}. explorer repair {files.name} moves damaged files aside, and the study run again "
        "trains their cells."
    )
