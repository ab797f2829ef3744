"""Merging parts: nothing lost, nothing twice, whoever reads, writes or merges meanwhile, and wherever it is killed."""

import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import fs
from typer.testing import CliRunner

import explorer.store.compact as compacting
from explorer.cli import app
from explorer.errors import StoreError
from explorer.store import StoreWriter, open_store
from explorer.store.compact import compact
from explorer.store.files import Files
from tests.store.parts import curves, gaussian, minimizers, outcomes, sparse

PACKS = 5


def publish(writer, pack, cells, status="converged", minute=0, loss=0.5, observables=("localization",)):
    """A pack as a run publishes it, its minimizers those of its place in the order of losses."""
    matrix = np.full((2, 3), loss, dtype=np.float32)
    kept = None if status == "failed" else minimizers([(cell, {"encoder": matrix}) for cell in cells], pack)
    line = None if status == "failed" else curves(cells, pack, loss)
    writer.publish(pack, outcomes(cells, pack, status, loss, minute, observables), line, kept)


@pytest.fixture
def writer(tmp_path):
    made = StoreWriter(str(tmp_path / "store"))
    made.create()
    return made


@pytest.fixture
def filled(writer):
    """Packs of two sources, one cell twice, one that failed and was trained again."""
    for i in range(PACKS):
        publish(
            writer,
            f"p{i}",
            [sparse(seed=3 * i + k, sparsity=0.1 * (k + 1)) for k in range(3)],
            minute=i,
            loss=0.1 * (i + 1),
        )
    publish(writer, "other", [gaussian(seed=k) for k in range(2)], observables=("localization", "peak"))
    publish(writer, "late", [sparse(seed=0, sparsity=0.1), sparse(seed=99)], minute=50, loss=0.9)
    publish(writer, "bad", [sparse(seed=77)], status="failed", minute=1)
    publish(writer, "good", [sparse(seed=77)], minute=9, loss=0.3)
    return writer


def seen(place):
    """Everything that can be read of a store, in an order of its own."""
    store = open_store(place)
    kept = store.sql("SELECT * FROM minimizers ORDER BY ALL").to_pylist()
    lines = store.sql("SELECT * FROM curves ORDER BY ALL").to_pylist()
    stored = store.sql(
        "SELECT cell_key, pack_key, status, loss, finished_at FROM stored_cells ORDER BY ALL"
    ).to_pylist()
    return store.arrow().to_pylist(), lines, kept, stored, store.schema, store.schema.metadata


def fields(place):
    return {field.name: field.metadata for field in open_store(place).schema}


def parts(place, folder="cells"):
    return sorted(path.name for path in (Path(place) / folder).glob("*.parquet"))


def test_every_row_survives_once_and_few_files_are_left(filled, tmp_path):
    before, marked = seen(tmp_path / "store"), fields(tmp_path / "store")
    compact(str(tmp_path / "store"), grace=0)
    assert seen(tmp_path / "store") == before
    assert fields(tmp_path / "store") == marked
    for folder in ("cells", "curves", "minimizers"):
        assert len(parts(tmp_path / "store", folder)) == 1


def test_values_survive_bit_for_bit(writer, tmp_path):
    values = [-0.0, float("nan"), float("inf"), 5e-324, 0.1 + 0.2, None]
    for i, value in enumerate(values):
        table = outcomes([sparse(i)], f"p{i}")
        at = table.schema.get_field_index("loss")
        writer.publish(f"p{i}", table.set_column(at, table.schema.field(at), pa.array([value], pa.float64())))
    compact(str(tmp_path / "store"), grace=0)
    found = open_store(tmp_path / "store").arrow(["seed", "loss"]).to_pydict()
    by_seed = dict(zip(found["seed"], found["loss"], strict=True))
    assert by_seed.pop(5) is None
    assert all(np.float64(by_seed[i]).tobytes() == np.float64(values[i]).tobytes() for i in by_seed)


def test_replaced_files_stay_for_the_grace_period_and_are_not_counted(filled, tmp_path):
    before = seen(tmp_path / "store")
    first = {row.folder: row for row in compact(str(tmp_path / "store"))}
    assert (first["cells"].merged, first["cells"].into, first["cells"].deleted) == (PACKS + 4, 1, 0)
    assert first["cells"].waiting == PACKS + 4
    assert seen(tmp_path / "store") == before
    status = open_store(tmp_path / "store").status()
    assert (status["parts"], status["replaced"]) == (1, PACKS + 4)
    for path in (tmp_path / "store").rglob("merged-*"):
        os.utime(path, (time.time() - 4000,) * 2)
    second = {row.folder: row for row in compact(str(tmp_path / "store"))}
    assert (second["cells"].into, second["cells"].deleted, second["cells"].waiting) == (0, PACKS + 4, 0)
    assert seen(tmp_path / "store") == before


def test_compacting_again_changes_nothing(filled, tmp_path):
    compact(str(tmp_path / "store"), grace=0)
    before = sorted((p, p.stat().st_mtime_ns) for p in (tmp_path / "store").rglob("*.parquet"))
    assert all(row.into == row.deleted == row.waiting == 0 for row in compact(str(tmp_path / "store"), grace=0))
    assert sorted((p, p.stat().st_mtime_ns) for p in (tmp_path / "store").rglob("*.parquet")) == before


def test_a_store_grows_and_is_compacted_again_and_again(filled, tmp_path):
    """A merged file is itself merged: what it replaced stays replaced."""
    for turn in range(3):
        compact(str(tmp_path / "store"), grace=3600)
        publish(filled, f"more{turn}", [sparse(seed=1000 + turn)], minute=turn)
        assert len(open_store(tmp_path / "store").keys()) == 3 * PACKS + 2 + 2 + turn + 1
    expected = seen(tmp_path / "store")
    compact(str(tmp_path / "store"), grace=3600)
    assert seen(tmp_path / "store") == expected
    compact(str(tmp_path / "store"), grace=0)
    assert seen(tmp_path / "store") == expected
    assert len(parts(tmp_path / "store")) == 1


@pytest.mark.parametrize("turns", [1, 2])
def test_pack_published_again_counts_in_its_latest_form(filled, tmp_path, turns):
    """As if it had overwritten the part, whether that part is merged or not."""
    for _ in range(turns):
        compact(str(tmp_path / "store"), grace=0)
        publish(filled, "bad", [sparse(seed=77)], minute=2, loss=0.7)
        store = open_store(tmp_path / "store")
        assert store.to_pandas(where="seed = 77").loss.tolist() == [0.7]
        found = store.sql(
            "SELECT step, loss FROM curves SEMI JOIN cells USING (cell_key) WHERE pack_key = 'bad' ORDER BY step"
        )
        assert found.to_pylist() == [{"step": 1, "loss": 0.7}, {"step": 2, "loss": 0.35}]
        assert store.sql("SELECT count(*) AS n FROM stored_cells WHERE pack_key = 'bad'").to_pylist() == [{"n": 1}]
    compact(str(tmp_path / "store"), grace=0)
    assert len(parts(tmp_path / "store")) == 1
    assert open_store(tmp_path / "store").to_pandas(where="seed = 77").loss.tolist() == [0.7]


def test_reader_that_was_opened_before_reads_on(filled, tmp_path):
    expected = seen(tmp_path / "store")[0]
    unread, half_read = open_store(tmp_path / "store"), open_store(tmp_path / "store")
    assert half_read.sql("SELECT count(*) AS n FROM cells").to_pylist() == [{"n": len(expected)}]
    compact(str(tmp_path / "store"), grace=3600)
    assert unread.arrow().to_pylist() == expected
    compact(str(tmp_path / "store"), grace=0)
    assert half_read.arrow().to_pylist() == expected
    late = open_store(tmp_path / "store")
    publish(filled, "more", [sparse(seed=500)])
    compact(str(tmp_path / "store"), grace=0)
    assert sparse(seed=500).key in set(late.arrow(["cell_key"])["cell_key"].to_pylist())
    assert late.settings == open_store(tmp_path / "store").settings


def test_columns_of_a_pack_are_known_after_it_was_merged(filled, tmp_path):
    names = {pack: open_store(tmp_path / "store").columns_of(pack) for pack in ("p0", "other")}
    compact(str(tmp_path / "store"), grace=0)
    opened = open_store(tmp_path / "store")
    assert {pack: opened.columns_of(pack) for pack in names} == names
    assert "peak" in names["other"] - names["p0"]
    assert opened.columns_of("nobody") == set()


def test_resuming_and_failed_cells_are_as_before(filled, tmp_path):
    publish(filled, "gone", [sparse(seed=55)], status="failed")
    cells = [sparse(seed=55), sparse(seed=77), sparse(seed=1234)]
    compact(str(tmp_path / "store"), grace=0)
    store = open_store(tmp_path / "store")
    assert store.missing(cells) == cells[2:]
    assert store.missing(cells, retry_failed=True) == [cells[0], cells[2]]
    assert store.minimizer(sparse(seed=77).key)["encoder"][0, 0] == np.float32(0.3)


def test_rows_of_the_first_version_are_filled_after_merging(writer, tmp_path):
    old = outcomes([sparse(0)], "a")
    writer.publish("a", old.select([n for n in old.column_names if n not in ("samples", "weight_bits", "distortion")]))
    writer.publish("b", outcomes([sparse(1)], "b"))
    before = open_store(tmp_path / "store").arrow().to_pylist()
    compact(str(tmp_path / "store"), grace=0)
    assert open_store(tmp_path / "store").arrow().to_pylist() == before
    assert open_store(tmp_path / "store").to_pandas()["distortion"].tolist() == ["squared_error"] * 2


def test_parts_without_a_stamp_are_merged_and_superseded(writer, tmp_path):
    """Stores of the first version have parts that carry no time."""
    publish(writer, "a", [sparse(0)])
    publish(writer, "b", [sparse(1)])
    for path in (tmp_path / "store").rglob("part-*"):
        path.rename(path.with_name(f"{path.name.split('.')[0]}.parquet"))
    compact(str(tmp_path / "store"), grace=0)
    assert open_store(tmp_path / "store").keys() == {sparse(0).key, sparse(1).key}
    publish(writer, "a", [sparse(0)], loss=0.25)
    assert sorted(open_store(tmp_path / "store").to_pandas()["loss"]) == [0.25, 0.5]


def test_filters_skip_most_of_a_merged_file(writer, tmp_path, monkeypatch):
    monkeypatch.setattr(compacting, "SMALLEST_ROW_GROUP", 10)
    monkeypatch.setattr(compacting, "ROW_GROUP_BYTES", 1)
    for pack in range(10):
        publish(writer, f"p{pack}", [sparse(seed=10 * pack + k, sparsity=0.1 * (k + 1)) for k in range(10)])
    compact(str(tmp_path / "store"), grace=0)
    [file] = (tmp_path / "store" / "cells").glob("*.parquet")
    footer = pa.parquet.ParquetFile(file).metadata
    at = [footer.row_group(0).column(i).path_in_schema for i in range(footer.num_columns)].index("sparsity")
    ranges = [footer.row_group(group).column(at).statistics for group in range(footer.num_row_groups)]
    assert len(ranges) == 10
    assert all(r.min == r.max for r in ranges)


def test_large_stores_are_merged_into_several_files_that_are_left_alone(filled, tmp_path, monkeypatch):
    monkeypatch.setattr(compacting, "MERGED_BYTES", 6000)
    before = seen(tmp_path / "store")
    compact(str(tmp_path / "store"), grace=0)
    several = parts(tmp_path / "store")
    assert 1 < len(several) < PACKS + 4
    assert seen(tmp_path / "store") == before
    publish(filled, "more", [sparse(seed=500)])
    for _ in range(3):
        compact(str(tmp_path / "store"), grace=0)
    left = parts(tmp_path / "store")
    compact(str(tmp_path / "store"), grace=0)
    assert parts(tmp_path / "store") == left
    assert len(set(several) & set(left)) >= len(several) - 1


class Killed(BaseException):
    """What a kill looks like to the code: nothing that it can handle."""


def test_killed_at_any_step_it_loses_nothing_and_goes_on(filled, tmp_path, monkeypatch):
    """Before and after every publish and every deletion, twice over."""
    before = seen(tmp_path / "store")
    steps = {"left": 0}

    def dying(function):
        def step(*arguments):
            if steps["left"] == 0:
                raise Killed
            steps["left"] -= 1
            result = function(*arguments)
            if steps["left"] == 0:
                raise Killed
            steps["left"] -= 1
            return result

        return step

    kills = 0
    with monkeypatch.context() as patched:
        patched.setattr(Files, "publish", dying(Files.publish))
        patched.setattr(Files, "remove", dying(Files.remove))
        while True:
            steps["left"] = kills % 5
            kills += 1
            try:
                compact(str(tmp_path / "store"), grace=0)
                break
            except Killed:
                assert seen(tmp_path / "store") == before
            assert kills < 500
    assert kills > 10
    compact(str(tmp_path / "store"), grace=0)
    assert seen(tmp_path / "store") == before
    assert len(parts(tmp_path / "store")) == 1


def test_unfinished_merged_file_is_not_seen(filled, tmp_path, monkeypatch):
    before = seen(tmp_path / "store")

    def dies(source, target):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", dies)
        patched.setattr(Path, "unlink", lambda *arguments, **options: None)
        with pytest.raises(Killed):
            compact(str(tmp_path / "store"), grace=0)
    assert seen(tmp_path / "store") == before


def test_two_at_once_lose_nothing_and_count_nothing_twice(filled, tmp_path, monkeypatch):
    """The second lists while the first is about to publish, with one more part in it; both publish."""
    place, published = str(tmp_path / "store"), Files.publish
    depth = {"now": 0}

    def slow(self, relative, content):
        if "merged" in relative and depth["now"] == 0:
            depth["now"] = 1
            publish(filled, "between", [sparse(seed=321)])
            compact(place, grace=0)
        published(self, relative, content)

    monkeypatch.setattr(Files, "publish", slow)
    compact(place, grace=3600)
    monkeypatch.undo()
    overlapping = seen(place)
    assert sparse(seed=321).key in {row["cell_key"] for row in overlapping[0]}
    assert len(overlapping[0]) == 3 * PACKS + 2 + 2 + 1
    lines = [(row["cell_key"], row["pack_key"], row["step"]) for row in overlapping[1]]
    assert len(lines) == len(set(lines)) == 2 * len(overlapping[0])
    for grace in (3600, 0, 0):
        compact(place, grace)
        assert seen(place) == overlapping
    assert len(parts(place)) == 1


def test_readers_see_whole_packs_while_runs_write_and_compacts_merge(writer, tmp_path):
    packs, size, place = 24, 3, str(tmp_path / "store")
    broken, stop = [], threading.Event()

    def write():
        for i in range(packs):
            publish(writer, f"p{i}", [sparse(seed=i * size + k) for k in range(size)])

    def merge():
        while not stop.is_set():
            compact(place, grace=0.5)

    writing, merging = threading.Thread(target=write), threading.Thread(target=merge)
    writing.start(), merging.start()
    last = 0
    while last < packs * size:
        store = open_store(place)
        counts = store.sql("SELECT count(*) AS n FROM cells GROUP BY pack_key").column("n").to_pylist()
        points = store.sql("SELECT count(*) AS n FROM curves GROUP BY pack_key").column("n").to_pylist()
        if set(counts) - {size} or set(points) - {2 * size} or len(points) < len(counts) or sum(counts) < last:
            broken.append((counts, points, last))
            break
        last = sum(counts)
    writing.join()
    stop.set()
    merging.join()
    assert broken == []
    assert len(open_store(place).keys()) == packs * size


def test_a_machine_whose_clock_is_behind_merges_as_well(filled, tmp_path, monkeypatch):
    compact(str(tmp_path / "store"), grace=0)
    publish(filled, "more", [sparse(seed=500)])
    expected = seen(tmp_path / "store")
    monkeypatch.setattr("explorer.store.parts.time.time_ns", lambda: 1)
    compact(str(tmp_path / "store"), grace=0)
    assert seen(tmp_path / "store") == expected
    assert len(parts(tmp_path / "store")) == 1


def test_empty_store_is_left_alone(writer, tmp_path):
    assert [row.row() for row in compact(str(tmp_path / "store"))] == [
        {"folder": folder, "merged": 0, "into": 0, "deleted": 0, "waiting": 0}
        for folder in ("cells", "curves", "minimizers", "failures")
    ]  # fmt: skip


@pytest.mark.parametrize("grace", [-1.0, float("nan")])
def test_impossible_grace_is_refused(writer, tmp_path, grace):
    with pytest.raises(StoreError, match=r"grace of .* expected at least 0"):
        compact(str(tmp_path / "store"), grace)


def test_parts_that_disagree_are_refused_before_any_work(writer, tmp_path):
    writer.publish("a", outcomes([sparse()]))
    changed = outcomes([sparse(1)])
    position = changed.schema.get_field_index("sparsity")
    writer.publish("b", changed.set_column(position, "sparsity", pa.array(["half"])))
    before = parts(tmp_path / "store")
    with pytest.raises(StoreError, match=r"disagree.*sparsity"):
        compact(str(tmp_path / "store"), grace=0)
    assert parts(tmp_path / "store") == before


def test_file_that_calls_itself_merged_and_is_not_is_refused(filled, tmp_path):
    [first, *_] = (tmp_path / "store" / "cells").glob("part-*")
    (tmp_path / "store" / "cells" / "merged-0.parquet").write_bytes(first.read_bytes())
    with pytest.raises(StoreError, match=r"cells/merged-0\.parquet \(a merged file that does not say what it holds"):
        open_store(tmp_path / "store").keys()


def test_part_that_is_no_parquet_file_is_named_and_the_rest_is_left(filled, tmp_path):
    [first, *_] = (tmp_path / "store" / "cells").glob("part-*")
    first.with_name(f"part-{first.name.split('-')[1]}-zz.{'0' * 20}.parquet").write_bytes(b"garbage")
    before = parts(tmp_path / "store")
    with pytest.raises(StoreError, match=r"a damaged file: cells/part-.*-zz.* no Parquet footer .*explorer repair"):
        compact(str(tmp_path / "store"), grace=0)
    assert parts(tmp_path / "store") == before


@pytest.mark.parametrize("kind", ["objects", "folders"])
def test_any_file_system_of_arrow(tmp_path, monkeypatch, kind):
    from types import SimpleNamespace

    system = fs._MockFileSystem() if kind == "objects" else fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    addresses = SimpleNamespace(from_uri=lambda uri: (system, uri.partition("://")[2]))
    monkeypatch.setattr("explorer.store.files.fs", SimpleNamespace(**{**vars(fs), "FileSystem": addresses}))
    place = "bucket://here/study"
    made = StoreWriter(place)
    made.create()
    for pack in range(3):
        publish(made, f"p{pack}", [sparse(seed=pack)])
    publish(made, "other", [gaussian()])
    before = seen(place)
    compact(place, grace=3600)
    assert seen(place) == before
    compact(place, grace=0)
    assert seen(place) == before
    publish(made, "p1", [sparse(seed=1)], loss=0.125)
    assert open_store(place).to_pandas(where="seed = 1").loss.tolist() == [0.125]
    assert len(made.files.listing("cells", ".parquet")) == 2


def test_command_says_what_it_did(filled, tmp_path):
    place = str(tmp_path / "store")
    first = CliRunner().invoke(app, ["compact", place, "--format", "json"])
    assert first.exit_code == 0
    [cells, *_] = json.loads(first.stdout)
    assert cells == {"folder": "cells", "merged": PACKS + 4, "into": 1, "deleted": 0, "waiting": PACKS + 4}
    assert "kept for those who are reading" in first.stderr
    second = CliRunner().invoke(app, ["compact", place, "--grace", "0", "--format", "json"])
    assert json.loads(second.stdout)[0]["deleted"] == PACKS + 4
    assert second.stderr == ""


def test_command_refuses_what_is_no_store(tmp_path):
    refused = CliRunner().invoke(app, ["compact", str(tmp_path)])
    assert refused.exit_code == 2
    assert "no store here" in refused.stderr
