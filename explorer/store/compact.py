"""Merging many small parts into few files, while others read and write.

A merged file and its list of the parts that it holds become visible in one step; files that it replaces are deleted only after a
grace period, for those who listed them before. So it may be killed anywhere, and two of it may run at once: docs/decisions/0007.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from explorer.errors import StoreError
from explorer.records import settings_of
from explorer.store import leftovers
from explorer.store.addresses import AT_ONCE
from explorer.store.damage import refusal
from explorer.store.files import Files
from explorer.store.parts import (
    ORIGIN,
    SUFFIX,
    Source,
    Unreadable,
    digest_of,
    holders,
    is_ours,
    merged_file,
    merged_metadata,
    name_of,
    read_rows,
    settled,
    sources,
)
from explorer.store.reader import open_store
from explorer.store.seal import sealed

FOLDERS = ("cells", "curves", "minimizers", "failures")
pc: Any = pyarrow.compute  # its functions are made at import, out of a type checker's sight

GRACE_SECONDS = 3600.0
# In Arrow's memory, of which merging takes up to three times as much; a file of at least half of it is merged no further.
MERGED_BYTES = 2**30
ROW_GROUP_BYTES = 2**25
SMALLEST_ROW_GROUP = 1024
MOST_PENDING = 1024
# What `tidy` leaves: fewer parts than this in a folder, and no more merged files that could be merged further. It takes less memory.
MOST_PARTS, MOST_MERGED = 512, 16
TIDY_BYTES = 2**28


@dataclass(frozen=True, slots=True)
class Compacted:
    """What was done in one folder: files merged, into how many, replaced files deleted, and those whose grace is not over."""

    folder: str
    merged: int
    into: int
    deleted: int
    waiting: int

    def row(self) -> dict[str, Any]:
        """As a row of a table."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Batch:
    """The counted rows of some files, with the schemas their parts had; `rows` says in ORIGIN which of `parts` a row is from."""

    rows: pa.Table
    parts: tuple[str, ...]
    schemas: dict[str, pa.Schema]
    paths: tuple[str, ...]


def compact(root: str, grace: float = GRACE_SECONDS) -> list[Compacted]:
    """Merge the small files of a store, and delete files that were replaced at least `grace` seconds ago, and old checkpoints.

    Safe while runs write, readers read and other compacts run, if none of them takes longer than `grace` from listing a store to
    reading its last file; a `Store` that does looks again by itself. Raises StoreError where there is no store, where parts disagree
    on a column's type, and where a file cannot be read or written: what is done by then stays, and the same again goes on.
    """
    if not grace >= 0:
        raise StoreError(f"compact: found a grace of {grace:g} seconds, expected at least 0.")
    opened = open_store(root)
    opened.schema  # noqa: B018  parts that disagree are refused before any work
    try:
        done = [_compact_folder(opened.files, folder, grace, _all_small, lambda: None) for folder in FOLDERS]
    except Unreadable as error:
        raise refusal(opened.files, error) from error
    forgotten = leftovers.remove_forgotten(opened.files)
    return [*done, Compacted(leftovers.FOLDER, 0, 0, forgotten, 0)] if forgotten else done


def tidy(
    root: str,
    grace: float = GRACE_SECONDS,
    most_parts: int = MOST_PARTS,
    most_merged: int = MOST_MERGED,
    check: Callable[[], None] = lambda: None,
) -> list[Compacted]:
    """Merge a folder's parts into a file where `most_parts` have piled up, and merged files only where more than `most_merged` have.

    So a store that grows is kept at few files, and each row is rewritten a few times at most. As safe as `compact`. `check` is called
    every few files: what it raises ends the work, of which what is done stays.
    """

    def piled(counted: Sequence[Source]) -> list[Source]:
        parts = [source for source in counted if not source.merged]
        merged = [source for source in counted if source.merged and (not source.full or source.left_out)]
        chosen = parts if len(parts) >= most_parts else []
        return [*merged, *chosen] if len(merged) + bool(chosen) > most_merged else chosen

    files = Files(root)
    return [_compact_folder(files, folder, grace, piled, check, TIDY_BYTES) for folder in FOLDERS]


def _all_small(counted: Sequence[Source]) -> list[Source]:
    small = [source for source in counted if not source.full or source.left_out]
    return small if len(small) > 1 or any(source.left_out for source in small) else []


def _compact_folder(
    files: Files,
    folder: str,
    grace: float,
    choose: Callable[[Sequence[Source]], list[Source]],
    check: Callable[[], None],
    most_bytes: int | None = None,
) -> Compacted:
    try:
        counted, _ = settled(_sources(files, folder))
        small = choose(counted)
        into = _merge(files, folder, small, most_bytes or MERGED_BYTES, check) if small else 0
        deleted, waiting = _delete_replaced(files, folder, grace)
    except FileNotFoundError as error:
        raise StoreError(
            f"{files.name}: another compact deleted a file meanwhile ({error}); run this one again."
        ) from error
    except pa.ArrowException as error:
        raise StoreError(f"{files.path(folder)}: its parts cannot be merged: {error}") from error
    return Compacted(folder, len(small) if into else 0, into, deleted, waiting)


def _merge(files: Files, folder: str, small: Sequence[Source], most_bytes: int, check: Callable[[], None]) -> int:
    """Publish what these files hold in as few as possible; how many those are."""
    into = 0
    ordered = sorted(small, key=lambda source: (not source.merged, source.path))
    for batch in _batches(_reads(files, ordered, check), most_bytes):
        files.publish(merged_file(folder, batch.paths), _serialised(batch, folder, most_bytes))
        into += 1
    return into


def _sources(files: Files, folder: str) -> list[Source]:
    return sources(list(filter(is_ours, files.listing(folder, SUFFIX))), files)


def publish_without(files: Files, folder: str, source: Source, parts: frozenset[str]) -> None:
    """Publish what counts of a merged file again, without these of its parts; its other parts count from the new file then."""
    left_out = {*source.left_out, *(at for at, part in enumerate(source.parts) if part in parts)}
    kept = replace(source, left_out=tuple(sorted(left_out)))
    files.publish(merged_file(folder, [source.path]), _serialised(_read(files, kept), folder, MERGED_BYTES))


def _reads(files: Files, small: Sequence[Source], check: Callable[[], None]) -> Iterator[_Batch]:
    """What counts of each source, in order; parts in an object store are read many at a time."""
    together = 1 if files.local else AT_ONCE
    start = 0
    while start < len(small):
        check()
        end = start + (1 if small[start].merged else together)
        yield from files.each(lambda source: _read(files, source), small[start:end])
        start = end


def _batches(reads: Iterator[_Batch], most_bytes: int) -> Iterator[_Batch]:
    """The sources' rows, as many together as fit into one merged file."""
    pending: list[_Batch] = []
    size = 0
    for read in reads:
        if pending and size + read.rows.nbytes > most_bytes:
            yield _taken(pending)
            size = 0
        pending.append(read)
        size += read.rows.nbytes
        if len(pending) >= MOST_PENDING:
            pending.append(_taken(pending))
    if pending:
        yield _taken(pending)


def _taken(pending: list[_Batch]) -> _Batch:
    """All that is pending as one batch; the list is empty then, and its memory free."""
    whole = _together(pending)
    pending.clear()
    return whole


def _read(files: Files, source: Source) -> _Batch:
    """What counts of one file."""
    rows = read_rows(source.path, files, use_threads=source.merged)
    schemas = source.schemas
    if not source.merged:
        schemas = {digest_of(source.parts[0]): rows.schema}
        rows = rows.append_column(ORIGIN, pa.repeat(pa.scalar(0, pa.int32()), len(rows)))
    elif source.left_out:
        rows = rows.filter(pc.invert(pc.is_in(rows.column(ORIGIN), pa.array(source.left_out, pa.int32()))))
        kept = [at for at in range(len(source.parts)) if at not in set(source.left_out)]
        position = rows.schema.get_field_index(ORIGIN)
        renumbered = pc.index_in(rows.column(ORIGIN), pa.array(kept, pa.int32()))
        rows = rows.set_column(position, ORIGIN, renumbered.cast(pa.int32()))
    return _Batch(rows, source.counted, schemas, (source.path,))


def _together(batches: Sequence[_Batch]) -> _Batch:
    """Several batches as one, with the columns of all."""
    first, tables, parts = 0, [], []
    for batch in batches:
        position = batch.rows.schema.get_field_index(ORIGIN)
        origin = pc.add(batch.rows.column(ORIGIN), pa.scalar(first, pa.int32()))
        tables.append(batch.rows.set_column(position, ORIGIN, origin))
        parts += batch.parts
        first += len(batch.parts)
    schemas = {digest: schema for batch in batches for digest, schema in batch.schemas.items()}
    rows = pa.concat_tables(tables, promote_options="default").combine_chunks()
    return _Batch(rows, tuple(parts), schemas, tuple(path for batch in batches for path in batch.paths))


def _serialised(batch: _Batch, folder: str, most_bytes: int) -> bytes:
    """A Parquet file of a batch, sorted so that filters skip row groups: cells by settings, the others by their cell."""
    rows, cells = batch.rows, folder == "cells"
    keys = _sort_keys(rows) if cells else ["cell_key"]
    order = pc.sort_indices(rows, sort_keys=[(key, "ascending") for key in keys])
    distinct = cells and pc.count_distinct(rows.column("cell_key")).as_py() == len(rows)
    metadata = merged_metadata(batch.parts, batch.schemas if cells else {}, distinct, rows.nbytes >= most_bytes // 2)
    schema = rows.schema.remove_metadata()
    size = max(SMALLEST_ROW_GROUP, ROW_GROUP_BYTES * len(rows) // max(rows.nbytes, 1))
    repeated = [
        field.name for field in schema if not pa.types.is_floating(field.type) and not pa.types.is_list(field.type)
    ]
    sink = pa.BufferOutputStream()
    dictionary: Any = [name for name in repeated if name != "cell_key"] + settings_of(schema)
    with pq.ParquetWriter(
        sink, schema, compression="zstd", use_dictionary=dictionary, write_page_checksum=True
    ) as writer:
        for start in range(0, len(rows), size):
            writer.write_table(rows.take(order.slice(start, size)).replace_schema_metadata(None), row_group_size=size)
        writer.add_key_value_metadata(metadata)
    return sealed(sink.getvalue())


def _sort_keys(rows: pa.Table) -> list[str]:
    """The settings that vary, those with the fewest values first, then the key."""
    counts = {name: pc.count_distinct(rows.column(name), mode="all").as_py() for name in settings_of(rows.schema)}
    return [*sorted((name for name in counts if counts[name] > 1), key=lambda name: (counts[name], name)), "cell_key"]


def _delete_replaced(files: Files, folder: str, grace: float) -> tuple[int, int]:
    """Delete the files whose every part has counted from other files for the grace period; how many were, how many wait."""
    files.remove_stale(folder)
    since = files.modified(folder, SUFFIX)
    counted, replaced = settled(_sources(files, folder))
    held_by = holders(counted)
    latest = time.time() - grace
    over = [
        source.path
        for source in replaced
        if all(since.get(held_by[name_of(part)].path, float("inf")) <= latest for part in source.parts)
    ]
    files.each(files.remove, over)
    return len(over), len(replaced) - len(over)
