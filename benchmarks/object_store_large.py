"""The store of a run of 100,000 packs, as it is in the end, made on a disk in minutes: what a reader finds, without the run.

What a run replaced is there by its name, in listings, and empty: no reader opens it, and one that did would refuse it. Merged files
are made by the functions of `explorer compact` and merged further by `tidy` itself, from rows of made-up packs whose keys are all
different. Parts that are not merged yet are published as a run does.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import store as made_up

from explorer.records import schema_digest
from explorer.store import StoreWriter
from explorer.store import compact as merging
from explorer.store.files import Files
from explorer.store.parts import ORIGIN, merged_file, part_file, stamp

PILE = 512  # the parts at which a run merges
UNMERGED = 2 * PILE - 1  # the most that it leaves


def unlike(rows: pa.Table, pile: int) -> pa.Table:
    """The rows of a pile as those of another: their seeds, their keys and those of their packs are no other pile's."""
    packs = {key: _renamed(pile, key) for key in dict.fromkeys(rows.column("pack_key").to_pylist())}
    new = {
        "seed": pa.array(np.asarray(rows.column("seed")) + 1000 * pile),
        "cell_key": pa.array([_renamed(pile, key) for key in rows.column("cell_key").to_pylist()]),
        "pack_key": pa.array([packs[key] for key in rows.column("pack_key").to_pylist()]),
    }
    for name, values in new.items():
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, rows.schema.field(name), values)
    return rows


def _renamed(pile: int, key: str) -> str:
    return hashlib.sha256(f"{pile} {key}".encode()).hexdigest()[:20]


def piles(parts: int) -> Iterator[pa.Table]:
    """The rows of so many packs, a pile at a time; the first pile's are made, the others' are like them."""
    first = pa.concat_tables(rows for _, rows, _ in itertools.islice(made_up.packs(parts * made_up.SPARSITIES), PILE))
    for pile in range(-(-parts // PILE)):
        left = min(PILE, parts - pile * PILE)
        yield unlike(first.slice(0, left * made_up.SPARSITIES), pile)


def kept_tidy(place: Path, parts: int) -> list[Path]:
    """A store into which a run published so many parts and merged them as they piled up; returns where the merged parts were."""
    writer, files = StoreWriter(str(place)), Files(str(place))
    writer.create()
    keys: list[str] = []
    names: list[str] = []
    for rows in piles(parts - UNMERGED):
        keys += rows.column("cell_key").to_pylist()
        digest = schema_digest(rows.schema)
        merged = [
            part_file("cells", f"{digest}-{pack}", stamp())
            for pack in dict.fromkeys(rows.column("pack_key").to_pylist())
        ]
        parted = tuple(name.removeprefix("cells/part-").removesuffix(".parquet") for name in merged)
        origin = pa.array(np.repeat(np.arange(len(merged), dtype=np.int32), made_up.SPARSITIES))
        batch = merging._Batch(rows.append_column(ORIGIN, origin), parted, {digest: rows.schema}, ())
        files.publish(merged_file("cells", []), merging._serialised(batch, "cells", merging.TIDY_BYTES))
        merging.tidy(str(place), most_parts=PILE)  # merges merged files, where more than 16 could be merged further
        names += merged
    later = (unlike(rows, parts) for _, rows, _ in made_up.packs(UNMERGED * made_up.SPARSITIES))
    for rows in later:
        keys += rows.column("cell_key").to_pylist()
        writer.publish(rows.column("pack_key")[0].as_py(), rows)
    writer.keep_study("name: large\n", keys)
    return [place / name for name in names]


def states(folder: Path, parts: int) -> Iterator[tuple[str, Path]]:
    """Each state that a run, and then `explorer compact`, leaves, as a folder that holds it until the next is asked for."""
    listed, deleted = folder / "listed", folder / "deleted"
    replaced = kept_tidy(listed, parts)
    shutil.copytree(listed, deleted, copy_function=os.link)
    for path in replaced:
        path.touch()
    yield "kept tidy, replaced listed", listed
    merging.tidy(str(deleted), grace=0, most_parts=parts)
    yield "kept tidy", deleted
    shutil.rmtree(deleted)
    merging.compact(str(listed))
    yield "compacted, replaced listed", listed
    merging.compact(str(listed), grace=0)
    yield "compacted", listed
