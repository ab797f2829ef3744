"""Damaged files are never passed over: whoever reads one says which they are and how to mend the store."""

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from explorer.errors import StoreError
from explorer.records import CURVES
from explorer.store import StoreWriter, open_store, study_name
from explorer.store.compact import compact
from explorer.store.repair import repair
from explorer.store.seal import flaw, flaw_of_file
from tests.store.parts import curves, gaussian, minimizers, outcomes, sparse

STUDY = "name: one\n"
PACKS = {f"p{i}": [sparse(seed=10 * i + k) for k in range(3)] for i in range(4)} | {"other": [gaussian()]}
CELLS = [cell for cells in PACKS.values() for cell in cells]
QUESTIONS = {
    "cells": lambda store: store.to_pandas(),
    "curves": lambda store: store.sql("SELECT * FROM curves"),
    "minimizers": lambda store: store.minimizer(CELLS[0].key),
    "studies": lambda store: (store.status(), store.rounds(), store.study_texts()),
}


def publish(writer, pack, number=0):
    """A pack as a run publishes it: the same numbers whenever it is trained."""
    cells, loss = PACKS[pack], 0.1 * (1 + list(PACKS).index(pack))
    matrix = np.full((2, 3), loss, dtype=np.float32)
    writer.publish(
        pack,
        outcomes(cells, pack, loss=loss, minute=number),
        curves(cells, pack, loss),
        minimizers([(cell, {"encoder": matrix}) for cell in cells], pack),
    )


def fill(root, packs=PACKS):
    """A store with a study, a round, a note of a run and these packs."""
    writer = StoreWriter(str(root))
    writer.create()
    writer.keep_study(STUDY, [cell.key for cell in CELLS])
    writer.keep_round(study_name(STUDY), "refine", 1, CELLS[:2])
    writer.note_run("20260101T000000-abcdef", {"state": "finished", "started_at": "2026-01-01T00:00:00+00:00"})
    for pack in packs:
        publish(writer, pack)
    return writer


def train(root, cells):
    """What a run does with cells that are missing: whole packs of them."""
    writer = StoreWriter(str(root))
    writer.keep_study(STUDY, [cell.key for cell in CELLS])
    keys = {cell.key for cell in cells}
    for pack, members in PACKS.items():
        if keys & {cell.key for cell in members}:
            assert keys >= {cell.key for cell in members}
            publish(writer, pack)


def seen(root):
    """All that can be read of a store."""
    store = open_store(root)
    tables = [store.sql(f"SELECT * FROM {name} ORDER BY ALL").to_pylist() for name in ("curves", "minimizers")]
    return [store.arrow().to_pylist(), *tables, store.planned_keys(), store.study_texts()]


def one(root, folder, name=""):
    """The file of a folder whose name has this in it."""
    return next(path for path in sorted((root / folder).iterdir()) if name in path.name)


def footer_at(content):
    return len(content) - 8 - int.from_bytes(content[-8:-4], "little")


def turned(content, position):
    changed = bytearray(content)
    changed[position] ^= 4
    return bytes(changed)


def table_bytes(table):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


DAMAGES = {
    "empty": lambda content: b"",
    "cut off": lambda content: content[: len(content) // 2],
    "without its first half": lambda content: content[len(content) // 2 :],
    "a bit turned in a page": lambda content: turned(content, footer_at(content) // 2),
    "a bit turned in the footer": lambda content: turned(content, footer_at(content) + 60),
    "a bit turned in the length of the footer": lambda content: turned(content, len(content) - 8),
    "zeros": lambda content: bytes(len(content)),
    "text": lambda content: b"not what it was\n",
    "of another schema": lambda content: table_bytes(pa.table({"a": [1]})),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("folder", ["cells", "curves", "minimizers", "studies"])
def test_reader_names_the_damaged_file_and_the_command_that_mends(root, folder, damage):
    path = one(root, folder, ".parquet")
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(StoreError) as caught:
        QUESTIONS[folder](open_store(root))
    assert f"a damaged file: {folder}/{path.name} (" in str(caught.value)
    assert f"explorer repair {root}" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("damage", DAMAGES)
def test_merged_file_is_checked_as_its_parts_were(root, damage):
    compact(str(root), grace=0)
    path = one(root, "cells")
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(StoreError, match=rf"a damaged file: cells/{path.name} .*explorer repair"):
        open_store(root).to_pandas()


def test_all_damaged_files_are_named_at_once(root):
    paths = [
        one(root, "cells", "p1"),
        one(root, "cells", "p2"),
        one(root, "curves", "p3"),
        one(root, "studies", ".yaml"),
    ]
    for path in paths:
        path.write_bytes(b"")
    with pytest.raises(StoreError, match="4 damaged files") as caught:
        open_store(root).to_pandas()
    assert all(f"{path.parent.name}/{path.name} (" in str(caught.value) for path in paths)


def test_damaged_minimizers_do_not_hinder_questions_about_cells(root):
    one(root, "minimizers").write_bytes(b"")
    assert len(open_store(root).to_pandas()) == len(CELLS)
    assert open_store(root).status()["done"] == len(CELLS)


def test_whatever_bit_is_turned_the_numbers_are_right_or_refused(root):
    """Bytes of a part and of a merged file, around the seal and anywhere: no flip changes a number that is shown."""
    expected, drawn = open_store(root).arrow(), random.Random(0)
    for merging in (False, True):
        if merging:
            compact(str(root), grace=0)
        path = one(root, "cells")
        whole, refused = path.read_bytes(), 0
        for position in [*range(footer_at(whole) - 24, footer_at(whole), 6), *drawn.sample(range(len(whole)), 20)]:
            path.write_bytes(turned(whole, position))
            try:
                shown = open_store(root).arrow()
            except StoreError as error:
                refused += "explorer repair" in str(error)
            else:
                assert shown.equals(expected)
        assert refused >= 20
        path.write_bytes(whole)


def test_every_byte_of_a_file_is_under_its_seal(root):
    """But for the mark of the seal itself, without which a file counts as one that has none."""
    compact(str(root), grace=3600)
    for path in (one(root, "cells", "p1"), one(root, "minimizers", "merged"), one(root, "studies", ".keys.parquet")):
        whole = path.read_bytes()
        assert flaw(whole) is None
        passed = [position for position in range(len(whole)) if flaw(turned(whole, position)) is None]
        assert len(passed) <= 16
        for position in passed:
            assert pq.read_table(pa.BufferReader(turned(whole, position))).equals(pq.read_table(path))
    assert flaw_of_file(str(path)) is None


def test_merging_does_not_put_a_new_seal_on_damaged_rows(root):
    path = one(root, "curves")
    path.write_bytes(turned(path.read_bytes(), 200))
    with pytest.raises(StoreError, match=rf"curves/{path.name}"):
        compact(str(root), grace=0)
    assert not list((root / "curves").glob("merged-*"))


def test_files_that_are_not_of_a_store_are_left_alone(root):
    expected = seen(root)
    strays = [
        ".DS_Store",
        "notes.txt",
        "mine.parquet",
        "._part-x.parquet",
        "mine.yaml",
        "mine.keys.parquet",
        "x.yaml.bak",
    ]
    for folder in ("", "cells", "curves", "minimizers", "studies", "runs"):
        for name in strays:
            (root / folder / name).write_bytes(b"\x00\x05\x16")
    assert seen(root) == expected
    assert open_store(root).status()["done"] == len(CELLS)
    assert repair(str(root)).found == []
    compact(str(root), grace=0)
    assert seen(root) == expected
    assert all((root / folder / name).exists() for folder in ("cells", "studies") for name in strays)


def test_files_without_seals_are_read_and_repaired_as_far_as_they_tell(root):
    """As older versions wrote them: no checksum of any kind."""
    expected = seen(root)
    for path in root.rglob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table, path, compression="zstd")
    assert seen(root) == expected
    assert repair(str(root)).found == []
    path = one(root, "cells", "p1")
    path.write_bytes(path.read_bytes()[:-100])
    (found,) = repair(str(root)).found
    assert found.file == f"cells/{path.name}"
    compact(str(root), grace=0)
    assert len(open_store(root).keys()) == len(CELLS) - 3


def test_page_checksums_are_in_parts_and_merged_files(root):
    compact(str(root), grace=3600)
    for path in (*root.rglob("part-*.parquet"), *root.rglob("merged-*.parquet")):
        chunk = pq.read_metadata(path).row_group(0).column(0)
        end = (chunk.dictionary_page_offset or chunk.data_page_offset) + chunk.total_compressed_size
        changed = turned(path.read_bytes(), end - 2)
        with pytest.raises(OSError, match="CRC"):
            pq.ParquetFile(pa.BufferReader(changed), page_checksum_verification=True).read()


def test_status_lives_with_damaged_notes_of_runs(root):
    damaged = [
        "",
        "{",
        "[]",
        "null",
        '{"started_at": 5}',
        '{"updated_at": "never"}',
        '{"started_at": "2026-01-01"}',
        "\x00",
    ]
    for number, text in enumerate(damaged):
        (root / "runs" / f"2027010{number + 1}T000000-abcdef.json").write_text(text)
    (root / "runs" / "odd.json").write_bytes(b"\xff")
    status = open_store(root).status()
    assert (status["done"], status["state"]) == (len(CELLS), "unreadable")
    runs = open_store(root).runs()
    assert [run["state"] for run in runs].count("unreadable") == len(damaged) + 1
    assert len(repair(str(root)).found) == len(damaged) + 1
    assert open_store(root).status()["state"] == "finished"


def test_part_of_another_type_than_its_name_says_is_refused(root):
    path = one(root, "cells", "p1")
    table = pq.read_table(path)
    at = table.schema.get_field_index("sparsity")
    for other in root.glob(
        "cells/part-*p[0-3]*"
    ):  # all of this schema, so that the wrong one is the one whose footer is read
        if other != path:
            other.unlink()
    pq.write_table(table.set_column(at, "sparsity", pa.array(["half"] * 3)), path)
    with pytest.raises(StoreError, match=r"its columns are not those that its name says.*explorer repair"):
        open_store(root).to_pandas()


def test_curves_of_another_type_are_found(root):
    path = one(root, "curves", "p1")
    table = pq.read_table(path)
    pq.write_table(table.set_column(2, "step", pa.array(table.column("step").cast(pa.string()))), path)
    (found, rows) = repair(str(root), dry_run=True).found
    assert (found.file, found.reason) == (
        f"curves/{path.name}",
        f"its column step is string, expected {CURVES.field('step').type}",
    )
    assert Path(rows.file).parent.name == "cells"
