import json
import os
import threading
from types import SimpleNamespace

import pytest
from pyarrow import fs

from explorer.errors import StoreError
from explorer.records import SCHEMA_VERSION
from explorer.store import StoreWriter, open_store
from tests.store.parts import curves, gaussian, outcomes, sparse


@pytest.fixture
def writer(tmp_path):
    made = StoreWriter(str(tmp_path / "store"))
    made.create()
    return made


def files(root):
    return sorted(os.path.relpath(os.path.join(d, f), root) for d, _, names in os.walk(root) for f in names)


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("stroe", 'Did you mean "store"?'),
        ("", "/store"),
        ("elsewhere/deep", "expected a directory"),
        ("x", "no store here"),
    ],
)
def test_missing_store_is_refused_with_the_nearest(writer, tmp_path, asked, near):
    with pytest.raises(StoreError, match="no store here") as caught:
        open_store(tmp_path / asked)
    assert str(tmp_path / asked) in str(caught.value)
    assert near in str(caught.value)


def test_opening_a_missing_store_makes_nothing(tmp_path):
    with pytest.raises(StoreError):
        open_store(tmp_path / "nowhere")
    assert files(tmp_path) == []


def test_file_is_no_store(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="no store here"):
        open_store(tmp_path / "file")
    with pytest.raises(StoreError, match="could not be written"):
        StoreWriter(str(tmp_path / "file")).create()


@pytest.mark.parametrize("address", ["nowhere://bucket/study", "s3://"])
def test_address_that_no_file_system_knows_is_refused(address):
    with pytest.raises(StoreError, match=address):
        open_store(address)


def test_store_of_a_newer_version_is_neither_read_nor_written(writer, tmp_path):
    marker = tmp_path / "store" / "store.json"
    marker.write_text(json.dumps({"explorer_store": SCHEMA_VERSION + 1}))
    message = f"schema version {SCHEMA_VERSION + 1}.* up to {SCHEMA_VERSION}; upgrade explorer"
    with pytest.raises(StoreError, match=message):
        open_store(tmp_path / "store")
    with pytest.raises(StoreError, match=message):
        writer.create()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"explorer_store": "new"}', "\xff"])
def test_damaged_marker_is_refused(writer, tmp_path, text):
    (tmp_path / "store" / "store.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(StoreError, match=r"store\.json is damaged; expected"):
        open_store(tmp_path / "store")


def test_part_that_is_no_parquet_file_is_named(writer, tmp_path):
    (tmp_path / "store" / "cells").mkdir()
    (tmp_path / "store" / "cells" / "part-0-0.parquet").write_bytes(b"garbage")
    with pytest.raises(StoreError, match=r"a damaged file: cells/part-0-0\.parquet \(it has no Parquet footer"):
        open_store(tmp_path / "store").to_pandas()


def test_unfinished_files_are_invisible(writer, tmp_path):
    writer.publish("a", outcomes([sparse()]))
    (tmp_path / "store" / "cells" / ".tmp-0123").write_bytes(b"half a file")
    (tmp_path / "store" / "cells" / ".tmp-0123.parquet").write_bytes(b"half a file")
    assert open_store(tmp_path / "store").keys() == {sparse().key}


def test_unfinished_files_are_swept_away_only_when_they_are_old(writer, tmp_path):
    folder = tmp_path / "store" / "cells"
    folder.mkdir()
    for name in ("old", "young"):
        (folder / f".tmp-{name}").write_bytes(b"half")
    os.utime(folder / ".tmp-old", (0, 0))
    writer.create()
    assert files(folder) == [".tmp-young"]


@pytest.mark.parametrize("broken", ["replace", "fsync"])
def test_disk_that_fails_leaves_no_trace_and_the_pack_can_be_published_again(writer, tmp_path, monkeypatch, broken):
    before = files(tmp_path)

    def fails(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, broken, fails)
        with pytest.raises(StoreError, match=r"could not be written.*No space left"):
            writer.publish("a", outcomes([sparse()]), curves([sparse()]))
    assert files(tmp_path) == before
    assert open_store(tmp_path / "store").keys() == set()
    writer.publish("a", outcomes([sparse()]), curves([sparse()]))
    assert open_store(tmp_path / "store").keys() == {sparse().key}


def test_rewriting_that_fails_leaves_the_old_file_whole(writer, tmp_path, monkeypatch):
    writer.note_run("r", {"done": 1})

    def fails(*arguments):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(StoreError, match="Input/output error"):
        writer.note_run("r", {"done": 2})
    assert open_store(tmp_path / "store").runs()[0]["done"] == 1


def test_readers_see_whole_packs_only_while_writers_publish(writer, tmp_path):
    packs, size = 40, 3
    broken = []

    def write(first):
        for i in range(first, packs, 2):
            cells = [sparse(seed=i * size + k) if i % 3 else gaussian(seed=i * size + k) for k in range(size)]
            writer.publish(f"p{i}", outcomes(cells, f"p{i}"), curves(cells, f"p{i}"))

    def look():
        seen = -1
        while seen < packs * size and any(thread.is_alive() for thread in writers):
            store = open_store(tmp_path / "store")
            counts = store.sql("SELECT pack_key, count(*) AS n FROM cells GROUP BY pack_key").column("n").to_pylist()
            lonely = store.sql("SELECT count(*) AS n FROM cells ANTI JOIN curves USING (cell_key)").to_pylist()[0]["n"]
            if set(counts) - {size} or lonely or sum(counts) < seen:
                broken.append((counts, lonely, seen))
            seen = sum(counts)

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 1)]
    for thread in writers:
        thread.start()
    look()
    for thread in writers:
        thread.join()
    assert broken == []
    assert len(open_store(tmp_path / "store").keys()) == packs * size


def test_store_may_be_named_by_an_address(tmp_path):
    made = StoreWriter(f"file://{tmp_path}/store")
    made.create()
    made.publish("a", outcomes([sparse()]))
    assert open_store(f"file://{tmp_path}/store").keys() == {sparse().key}
    assert open_store(tmp_path / "store").keys() == {sparse().key}


@pytest.fixture(params=["objects", "folders"])
def bucket(request, tmp_path, monkeypatch):
    """A file system that is not a local disk, reached through its address as S3 would be."""
    system = (
        fs._MockFileSystem()
        if request.param == "objects"
        else fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    )

    addresses = SimpleNamespace(from_uri=lambda uri: (system, uri.partition("://")[2]))
    arrow = SimpleNamespace(**{**vars(fs), "FileSystem": addresses})
    monkeypatch.setattr("explorer.store.files.fs", arrow)
    return "bucket://here/study"


def test_store_lives_on_any_file_system_of_arrow(bucket):
    with pytest.raises(StoreError, match="no store here"):
        open_store(bucket)
    made = StoreWriter(bucket)
    made.create()
    made.keep_study("name: a\n", [sparse().key])
    made.publish("a", outcomes([sparse()]), curves([sparse()]))
    made.publish("b", outcomes([gaussian()], pack="b"))
    made.note_run("r", {"done": 2})
    store = open_store(bucket)
    assert store.keys() == {sparse().key, gaussian().key}
    assert store.sql("SELECT count(*) AS n FROM curves").to_pylist() == [{"n": 2}]
    assert store.planned_keys() == {sparse().key}
    assert store.study_texts() == ["name: a\n"]
    assert store.runs()[0]["done"] == 2
