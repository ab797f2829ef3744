"""Repairing a store: damaged files go aside, their cells are trained again, and the store is as if nothing had happened."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from pyarrow import fs
from typer.testing import CliRunner

import explorer.store.repair as repairing
from explorer.cli import app
from explorer.engine import plan_study
from explorer.engine.job import PackJob
from explorer.errors import StoreError
from explorer.records import SCHEMA_VERSION
from explorer.sections import Keep
from explorer.store import StoreWriter, open_store
from explorer.store.compact import compact
from explorer.store.files import Files
from explorer.store.repair import repair
from explorer.study import Study
from tests.store.parts import curves, outcomes, sparse
from tests.store.test_damage import CELLS, DAMAGES, PACKS, fill, one, publish, seen, train, turned


def missing(root):
    return open_store(root).missing(CELLS)


def contents(root):
    """How often each content of a file is anywhere below the store."""
    found = {}
    for path in root.rglob("*"):
        if path.is_file():
            found.setdefault(path.read_bytes(), []).append(path)
    return found


def call(*arguments):
    return CliRunner().invoke(app, ["repair", *map(str, arguments)])


@pytest.mark.parametrize(
    "damage", ["empty", "a bit turned in a page", "a bit turned in the footer", "of another schema"]
)
def test_damaged_part_goes_aside_and_exactly_its_cells_are_trained_again(root, damage):
    expected, path = seen(root), one(root, "cells", "p1")
    whole, broken = path.read_bytes(), DAMAGES[damage](path.read_bytes())
    path.write_bytes(broken)
    done = repair(str(root))
    assert [(found.file, found.action) for found in done.found] == [(f"cells/{path.name}", "moved")]
    assert (root / done.quarantine / "cells" / path.name).read_bytes() == broken != whole
    assert not path.exists()
    assert missing(root) == PACKS["p1"]
    assert done.missing == 3
    train(root, missing(root))
    assert seen(root) == expected
    assert repair(str(root)).found == []


@pytest.mark.parametrize("folder", ["curves", "minimizers"])
@pytest.mark.parametrize("compacted", [False, True])
def test_cells_that_lost_their_curves_or_minimizers_are_trained_again(root, folder, compacted):
    """The rows of their pack go aside, out of a merged file too; the rows of others stay."""
    expected = seen(root)
    if compacted:
        for path in root.glob(f"{folder}/*p2*"):
            path.rename(path.with_suffix(".hidden"))
        compact(str(root), grace=0)
        for path in root.glob(f"{folder}/*.hidden"):
            path.rename(path.with_suffix(".parquet"))
        assert seen(root) == expected
    path = one(root, folder, "p2")
    path.write_bytes(turned(path.read_bytes(), 150))
    done = repair(str(root))
    assert [Path(found.file).parent.name for found in done.found] == [folder, "cells"]
    assert [found.cells for found in done.found][1] == 3
    assert done.found[1].reason == f"whole; of cells without their {folder}"
    assert missing(root) == PACKS["p2"]
    assert len(open_store(root).to_pandas()) == len(CELLS) - 3
    train(root, missing(root))
    assert seen(root) == expected


def test_rows_are_kept_where_that_is_asked(root):
    path = one(root, "minimizers", "p2")
    path.write_bytes(b"")
    assert len(repair(str(root), keep_rows=True).found) == 1
    assert missing(root) == []
    with pytest.raises(StoreError, match="no minimizer of cell"):
        open_store(root).minimizer(PACKS["p2"][0].key)
    assert open_store(root).minimizer(PACKS["p1"][0].key)


@pytest.mark.parametrize("folder", ["cells", "curves", "minimizers"])
def test_files_that_a_damaged_merged_file_replaced_count_again(root, folder):
    expected = seen(root)
    compact(str(root), grace=3600)
    path = one(root, folder, "merged")
    path.write_bytes(turned(path.read_bytes(), 300))
    assert [found.file for found in repair(str(root)).found] == [f"{folder}/{path.name}"]
    assert seen(root) == expected
    compact(str(root), grace=0)
    assert seen(root) == expected


@pytest.mark.parametrize("folder", ["cells", "curves", "minimizers"])
@pytest.mark.parametrize("damage", ["a bit turned in a page", "zeros"])
def test_damaged_merged_file_costs_the_cells_in_it_and_no_others(root, folder, damage):
    """Packs that were published since keep their rows; where the file no longer says what it held, their files tell."""
    expected = seen(root)
    (keep,) = [path.rename(path.with_suffix(".hidden")) for path in root.glob("cells/*p0*")]
    hidden = [path.rename(path.with_suffix(".hidden")) for path in root.glob("[cm]*/*p0.*.parquet")]
    compact(str(root), grace=0)
    for path in (keep, *hidden):
        path.rename(path.with_suffix(".parquet"))
    assert seen(root) == expected
    path = one(root, folder, "merged")
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    repair(str(root))
    assert missing(root) == [cell for pack in list(PACKS)[1:] for cell in PACKS[pack]]
    train(root, missing(root))
    assert seen(root) == expected


def test_earlier_publish_counts_again_where_the_later_is_damaged(root):
    expected = seen(root)
    publish(StoreWriter(str(root)), "p3")
    latest = sorted((root / "minimizers").glob("*p3*"))[-1]
    latest.write_bytes(b"")
    assert len(repair(str(root)).found) == 1
    assert seen(root) == expected


@pytest.mark.parametrize("name", [".keys.parquet", ".yaml", ".refine-00001.keys.parquet"])
def test_what_a_study_had_planned_comes_back_with_the_study(root, name):
    expected, path = seen(root), one(root, "studies", name)
    path.write_bytes(b"\xff" + path.read_bytes()[1:])
    done = repair(str(root))
    assert [found.file for found in done.found] == [f"studies/{path.name}"]
    assert open_store(root).status()["cells"] == len(CELLS)
    assert missing(root) == []
    train(root, [])
    assert seen(root) == expected


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"explorer_store": "new"}', "\xff", "[" * 100000])
def test_marker_is_written_again(root, text):
    expected, path = seen(root), root / "store.json"
    path.unlink() if text is None else path.write_bytes(text.encode("latin-1"))
    with pytest.raises(StoreError, match=r"store\.json"):
        open_store(root)
    done = repair(str(root))
    assert [(found.file, found.action) for found in done.found] == [("store.json", "written again")]
    assert json.loads(path.read_text()) == {"explorer_store": SCHEMA_VERSION}
    assert seen(root) == expected


def test_store_of_a_newer_version_is_left_alone(root, monkeypatch):
    path = one(root, "cells", "p1")
    table = pq.read_table(path)
    newer = table.set_column(
        table.schema.get_field_index("schema_version"),
        table.schema.field("schema_version"),
        [[SCHEMA_VERSION + 1] * len(table)],
    )
    StoreWriter(str(root)).files.publish_table(f"cells/{path.name}", newer)
    (root / "store.json").unlink()
    before = contents(root)
    done = call(root)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"schema version {SCHEMA_VERSION + 1}" in done.stderr
    assert contents(root) == before
    (root / "store.json").write_text(json.dumps({"explorer_store": SCHEMA_VERSION + 1}))
    assert "upgrade explorer" in call(root).stderr


def test_dry_run_says_all_and_changes_nothing(root):
    for name in ("p1", "p2"):
        one(root, "minimizers", name).write_bytes(b"")
    before = contents(root)
    done = call(root, "--dry-run", "--format", "json")
    assert done.exit_code == 3
    rows = json.loads(done.stdout)
    assert [row["action"] for row in rows] == ["would be moved"] * 4
    assert [row["cells"] for row in rows] == [None, None, 3, 3]
    assert contents(root) == before


def test_command_says_what_it_did_and_how_to_go_on(root):
    assert (call(root).exit_code, call(root).stdout) == (0, "")
    assert json.loads(call(root, "--format", "json").stdout) == []
    path = one(root, "cells", "p1")
    path.write_bytes(turned(path.read_bytes(), 50))
    done = call(root)
    assert done.exit_code == 3
    assert path.name in done.stdout
    assert "bytes are not those that were written" in done.stdout
    assert "3 planned cells have no row now" in done.stderr
    assert f"explorer run STUDY --out {root}" in done.stderr
    assert call(root.parent).exit_code == 2


def test_nothing_in_quarantine_is_ever_overwritten(root):
    path, kept = one(root, "cells", "p1"), []
    for text in (b"first", b"second", b"third"):
        path.write_bytes(text)
        kept.append(root / repair(str(root)).quarantine / "cells" / path.name)
    assert [copy.read_bytes() for copy in kept] == [b"first", b"second", b"third"]


class Killed(BaseException):
    """What a kill looks like to the code: nothing that it can handle."""


def killed_everywhere(patches, root, damage, monkeypatch):
    """Repair over and over, killed before or after each step in turn; all contents are still there after each kill."""
    steps, kills = {"left": 0}, 0

    def dying(function):
        def step(*arguments, **options):
            if steps["left"] == 0:
                raise Killed
            steps["left"] -= 1
            result = function(*arguments, **options)
            if steps["left"] == 0:
                raise Killed
            steps["left"] -= 1
            return result

        return step

    damage()
    before = set(contents(root))
    with monkeypatch.context() as patched:
        for owner, name in patches:
            patched.setattr(owner, name, dying(getattr(owner, name)))
        while True:
            steps["left"] = kills % 7
            kills += 1
            try:
                repair(str(root))
                return kills
            except Killed:
                assert before <= set(contents(root))
            assert kills < 100


def test_killed_at_any_step_it_loses_nothing_and_goes_on(root, monkeypatch):
    expected = seen(root)
    compact(str(root), grace=0)
    publish(StoreWriter(str(root)), "p2")  # so that two packs are out of the merged file, in all folders
    publish(StoreWriter(str(root)), "p3")

    def damage():
        for path in (one(root, "minimizers", "p2"), one(root, "curves", "p3"), root / "store.json"):
            path.write_bytes(b"x")
        for folder in ("minimizers", "curves"):
            (one(root, folder, "merged")).write_bytes(b"")

    kills = killed_everywhere([(Files, "publish"), (repairing, "move")], root, damage, monkeypatch)
    assert kills > 5
    assert repair(str(root)).found == []
    train(root, missing(root))
    assert seen(root) == expected


def test_file_that_vanishes_while_it_is_read_is_no_damage(root, monkeypatch):
    expected = seen(root)
    compact(str(root), grace=3600)
    real = Files.read

    def compacted_meanwhile(self, path):
        monkeypatch.setattr(Files, "read", real)
        compact(str(root), grace=0)
        return real(self, path)

    monkeypatch.setattr(Files, "read", compacted_meanwhile)
    assert repair(str(root)).found == []
    assert seen(root) == expected


def test_run_that_goes_on_writing_is_not_disturbed(root, monkeypatch):
    """Files that are being written stay, and what is published while files are read counts."""
    (root / "cells" / ".tmp-0123").write_bytes(b"half a file")
    one(root, "cells", "p1").write_bytes(b"")
    more = [sparse(seed=900)]
    real = Files.read

    def published_meanwhile(self, path):
        monkeypatch.setattr(Files, "read", real)
        StoreWriter(str(root)).publish("more", outcomes(more, "more"), curves(more, "more"))
        return real(self, path)

    monkeypatch.setattr(Files, "read", published_meanwhile)
    assert len(repair(str(root)).found) == 1
    assert (root / "cells" / ".tmp-0123").exists()
    assert open_store(root).missing(more) == []


def test_note_that_a_run_writes_again_meanwhile_stays(root, monkeypatch):
    path = root / "runs" / "20260101T000000-abcdef.json"
    good = path.read_bytes()
    path.write_bytes(b"{")
    real = repairing.damaged

    def written_again(files):
        found = real(files)
        path.write_bytes(good)
        return found

    monkeypatch.setattr(repairing, "damaged", written_again)
    repair(str(root))
    assert path.read_bytes() == good


@pytest.mark.parametrize("kind", ["objects", "folders"])
def test_any_file_system_of_arrow(tmp_path, monkeypatch, kind):
    """A copy is made and compared before the damaged object is deleted; killed between, nothing is lost."""
    system = fs._MockFileSystem() if kind == "objects" else fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    addresses = SimpleNamespace(from_uri=lambda uri: (system, uri.partition("://")[2]))
    monkeypatch.setattr("explorer.store.files.fs", SimpleNamespace(**{**vars(fs), "FileSystem": addresses}))
    place = "bucket://here/study"
    fill(place)
    expected, files = seen(place), Files(place)
    for folder in ("cells", "minimizers"):
        (path,) = [path for path in files.listing(folder, ".parquet") if "p1" in path]
        files.publish(path.removeprefix(f"{files.root}/"), turned(files.read(path), 200))
    for question in (lambda store: store.to_pandas(), lambda store: store.minimizer(PACKS["p1"][0].key)):
        with pytest.raises(StoreError):
            question(open_store(place))
    with monkeypatch.context() as patched:
        patched.setattr(Files, "publish", lambda *arguments: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            repair(place)
    assert len(files.listing("cells", ".parquet")) == len(PACKS)
    done = repair(place)
    assert len(done.found) == 2
    assert missing(place) == PACKS["p1"]
    assert len(files.listing(f"{done.quarantine}/cells", ".parquet")) == 1
    train(place, missing(place))
    assert seen(place) == expected


def test_disk_that_refuses_is_one_error(root, monkeypatch):
    one(root, "cells", "p1").write_bytes(b"")

    def fails(*arguments):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "rename", fails)
    done = call(root)
    assert done.exit_code == 2
    assert "could not be moved to" in done.stderr
    assert "Read-only file system" in done.stderr


STUDY = """\
name: mended
axes: {source: sparse, architecture: two_layer, dimension: 6, rate: 1.0, sparsity: [0.3, 0.6, 0.9], seed: {count: 4}}
training: {steps: 20, batch: 16, evaluation_samples: 64}
keep: {curves: true, minimizers: true}
resources: {cells_per_pack: 4}
"""


def run(study, root):
    """What `explorer run` does with a study, in this process; how many cells it trained."""
    writer = StoreWriter(str(root))
    writer.create()
    writer.keep_study(study.text, [cell.key for cell in study.cells])
    plan = plan_study(study, str(root))
    for pack in plan.packs:
        job = PackJob(pack, str(root), Keep(curves=True, minimizers=True))
        while not job.published:
            job.advance(60)
    return len(plan.missing)


def test_trained_again_after_a_repair_the_results_are_equal_to_the_last_bit(tmp_path, monkeypatch):
    monkeypatch.setattr("explorer.training.pack.compiler_available", lambda device: False)  # which would take longest
    study, root = Study(STUDY, "mended.yaml"), tmp_path / "store"
    assert run(study, root) == 12
    timed = {"seconds", "finished_at"}

    def results():
        store = open_store(root)
        rows = [{k: v for k, v in row.items() if k not in timed} for row in store.arrow().to_pylist()]
        named = ("curves", "minimizers")
        return [rows, *(store.sql(f"SELECT * FROM {name} ORDER BY ALL").to_pylist() for name in named)]

    expected = results()
    cells, matrices = one(root, "cells"), sorted((root / "minimizers").iterdir())[-1]
    cells.write_bytes(turned(cells.read_bytes(), 300))
    matrices.write_bytes(b"")
    repaired = repair(str(root))
    assert repaired.missing in (4, 8)
    assert run(study, root) == repaired.missing
    assert results() == expected
    assert repair(str(root)).found == []
