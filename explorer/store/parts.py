"""What the files of a store hold: parts as packs published them, and merged files that hold many parts.

A part is named by what was published and when: `part-<name>.<stamp>.parquet`, where the name is <pack key> or, of cells, <digest of
the schema>-<pack key>. Publishing again makes another file, and the latest counts, as if it had overwritten the earlier. A
merged file lists in its footer the parts that it holds, so that it and its list become visible in one step, and a reader
that sees it leaves the files of those parts aside.
"""

from __future__ import annotations

import base64
import json
import os
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from explorer.errors import StoreError
from explorer.store.files import Files
from explorer.store.seal import flaw

SUFFIX = ".parquet"
PART, MERGED = "part-", "merged-"
# The column of a merged file that says which part a row came from, by position in its list; it is not shown.
ORIGIN = "explorer_part"
_KEY = "explorer_merged"
# Read at once from the end of a file of an object store: the footers of parts are shorter.
FOOTER_BYTES = 2**16


class Unreadable(StoreError):
    """A file of the store, or what was read from it, is damaged."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file and the parts in it, each as <name>.<stamp>; `left_out` are the positions of those that count from another file.

    Of a merged file also its schema, the schemas of its parts by digest, whether no cell is known to stand in it twice
    (`distinct`), and whether it is large enough to be merged no further (`full`).
    """

    path: str
    parts: tuple[str, ...]
    schema: pa.Schema | None = None
    schemas: dict[str, pa.Schema] = field(default_factory=dict)
    distinct: bool = False
    full: bool = False
    left_out: tuple[int, ...] = ()

    @property
    def merged(self) -> bool:
        return self.schema is not None

    @property
    def counted(self) -> tuple[str, ...]:
        """The parts whose rows count from this file."""
        without = frozenset(self.left_out)
        return tuple(p for at, p in enumerate(self.parts) if at not in without) if without else self.parts


def stamp() -> str:
    """Now in hexadecimal nanoseconds since 1970, and a little chance: no two publishes share it."""
    return _stamp(time.time_ns())


def _stamp(nanoseconds: int) -> str:
    return f"{nanoseconds:016x}{uuid.uuid4().hex[:4]}"


def part_file(folder: str, name: str, when: str) -> str:
    """Where a part is published."""
    return f"{folder}/{PART}{name}.{when}{SUFFIX}"


def merged_file(folder: str, made_from: Iterable[str]) -> str:
    """A new name for a merged file, later than those of the files it is made from, whatever this machine's clock says."""
    names = [os.path.basename(path) for path in made_from]
    latest = max((name.removeprefix(MERGED)[:16] for name in names if name.startswith(MERGED)), default="0")
    return f"{folder}/{MERGED}{_stamp(max(time.time_ns(), int(latest, 16) + 1))}{SUFFIX}"


def name_of(part: str) -> str:
    """A part's name without its stamp, which is empty in stores of the first version."""
    return part.partition(".")[0]


def digest_of(part: str) -> str:
    """The digest of the schema of a part of cells."""
    return name_of(part).rpartition("-")[0]


def merged_metadata(parts: Sequence[str], schemas: dict[str, pa.Schema], distinct: bool, full: bool) -> dict[str, str]:
    """What a merged file's footer says; see Source."""
    encoded = {digest: base64.b64encode(schema.serialize()).decode() for digest, schema in schemas.items()}
    said = {"parts": parts, "schemas": encoded, "distinct": distinct, "full": full}
    return {_KEY: json.dumps(said, separators=(",", ":"))}


def read_schema(path: str, files: Files) -> pa.Schema:
    """A Parquet file's schema. Raises StoreError, which says what to do, where it cannot be read; FileNotFoundError passes."""
    return _footer(path, files)[1]


def read_rows(path: str, files: Files, use_threads: bool = False) -> pa.Table:
    """All rows of a file by one read of the whole, with its seal and its pages checked. Raises as `read_schema` does."""
    content = files.read(path)
    wrong = flaw(content)
    if wrong:
        raise unreadable(path, wrong)
    try:
        with pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True) as file:
            return file.read(use_threads=use_threads)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(path, error) from error


def _footer(path: str, files: Files) -> tuple[Any, pa.Schema]:
    content = None if files.local else pa.BufferReader(_tail(path, files))
    try:
        footer = pq.read_metadata(path if content is None else content)
        return footer, footer.schema.to_arrow_schema()
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(path, error) from error


def _tail(path: str, files: Files) -> bytes:
    """The end of a Parquet file with its whole footer, whose length stands before the last four bytes."""
    end = files.tail(path, FOOTER_BYTES)
    length = int.from_bytes(end[-8:-4], "little") + 8
    return end if length <= len(end) or end[-4:] != b"PAR1" else files.tail(path, length)


def unreadable(path: str, error: object) -> Unreadable:
    """What is said of a file that is damaged."""
    reason = str(error).strip().splitlines()
    return Unreadable(
        f"{path}: cannot be read: {reason[0][:200] if reason else type(error).__name__}. explorer repair moves damaged files "
        "aside, and the study run again trains their cells."
    )


def is_ours(path: str) -> bool:
    """Whether a file is called as parts and merged files are; others in their folders are not looked at."""
    return os.path.basename(path).startswith((PART, MERGED))


def sources(paths: Sequence[str], files: Files) -> list[Source]:
    """The files of a listing; only merged files are opened."""
    merged = [path for path in paths if os.path.basename(path).startswith(MERGED)]
    read = dict(zip(merged, files.each(lambda path: _merged(path, files), merged), strict=True))
    return [
        read.get(path) or Source(path, (os.path.basename(path).removeprefix(PART).removesuffix(SUFFIX),))
        for path in paths
    ]


def _merged(path: str, files: Files) -> Source:
    footer, columns = _footer(path, files)
    try:
        said = json.loads((footer.metadata or {})[_KEY.encode()])
        schemas = {d: pa.ipc.read_schema(pa.py_buffer(base64.b64decode(s))) for d, s in said["schemas"].items()}
        return Source(path, tuple(said["parts"]), columns.remove_metadata(), schemas, said["distinct"], said["full"])
    except (KeyError, TypeError, ValueError, AttributeError, OSError, pa.ArrowException) as error:
        raise unreadable(
            path, "a merged file that does not say what it holds; expected one of explorer compact"
        ) from error


def settled(listed: Sequence[Source]) -> tuple[list[Source], list[Source]]:
    """The sources that count, each with what it must leave out, and those that hold nothing which others have not.

    Of every part the latest publish counts, from one file: the latest merged file that holds it, else the part's own. That order is
    the same whoever looks and whatever else is listed, so that of two files that hold the same part never each is
    given up for the other.
    """
    merged = sorted((source for source in listed if source.merged), key=lambda source: source.path, reverse=True)
    ranked = [*merged, *(source for source in listed if not source.merged)]
    holder: dict[str, tuple[str, int]] = {}
    for rank, source in enumerate(ranked):
        for part in source.parts:
            name, _, when = part.partition(".")
            held = holder.get(name)
            if held is None or when > held[0]:
                holder[name] = (when, rank)
    counted: list[Source] = []
    superseded: list[Source] = []
    for rank, source in enumerate(ranked):
        left_out = tuple(at for at, part in enumerate(source.parts) if holder[name_of(part)][1] != rank)
        if len(left_out) == len(source.parts):
            superseded.append(source)
        else:
            counted.append(replace(source, left_out=left_out) if left_out else source)
    return counted, superseded


def holders(counted: Iterable[Source]) -> dict[str, Source]:
    """The file from which each part counts, by the part's name."""
    return {name_of(part): source for source in counted for part in source.counted}
