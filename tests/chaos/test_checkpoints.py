"""Packs that are left in the middle and gone on with: by another job, in other packs, from good and from bad checkpoints."""

import json
import os
import pickle
import time

import pytest

from explorer import load_study, run_study
from explorer.cells import Cell, Pack
from explorer.engine import checkpoints
from explorer.engine.job import PackJob
from explorer.sections import Keep
from explorer.store import StoreWriter, open_store
from explorer.store.compact import compact
from explorer.store.files import Files
from explorer.store.leftovers import KEPT_SECONDS
from explorer.training.pack import PackRun

STEPS = 400
BITS = ["status", "loss", "loss_se", "objective", "localization", "tying", "coverage", "steps_taken", "pack_width"]


def cell(**settings) -> Cell:
    given = {"source": "sparse", "architecture": "two_layer", "dimension": 8, "rate": 1.0, "batch": 16, "steps": STEPS}
    return Cell.of(**{**given, "evaluation_samples": 256, "sparsity": 0.5, **settings})


CELLS = [cell(sparsity=p, seed=seed) for p in (0.3, 0.6, 0.9) for seed in range(2)]
WIDTH = 4


@pytest.fixture
def store(tmp_path):
    StoreWriter(str(tmp_path / "store")).create()
    return tmp_path / "store"


@pytest.fixture(autouse=True)
def trained(monkeypatch):
    """The steps that packs take, counted by cell."""
    taken: list[int] = []
    train = PackRun._train

    def counted(run, steps):
        taken.append(steps * len(run._active))
        train(run, steps)

    monkeypatch.setattr(PackRun, "_train", counted)
    return taken


def job(store, cells=CELLS, **options) -> PackJob:
    options = {"checkpoint_seconds": 1e-6, **options}
    return PackJob(Pack(tuple(cells), WIDTH), str(store), Keep(curves=True, minimizers=True), **options)


def begun(store, until=200, **options) -> PackJob:
    """A job that is left once its cells have been trained for so many steps on the average."""
    working = job(store, **options)
    while working.fraction < until / STEPS:
        working.advance(1e-6)
        assert not working.published
    return working


def finish(working):
    for _ in range(10_000):
        working.advance(0.5)
        if working.published:
            return
    raise AssertionError("the job does not end")


def rows(store):
    opened = open_store(store)
    curves = opened.sql("SELECT cell_key, step, loss FROM curves ORDER BY cell_key, step").to_pylist()
    arrays = opened.sql("SELECT cell_key, name, values FROM minimizers ORDER BY cell_key, name").to_pylist()
    table = opened.to_pandas()
    assert table["cell_key"].is_unique
    return table.set_index("cell_key")[BITS].to_dict("index"), curves, arrays


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    place = tmp_path_factory.mktemp("whole") / "store"
    StoreWriter(str(place)).create()
    finish(job(place, checkpoint_seconds=0))
    assert not (place / "checkpoints").exists()
    return rows(place)


def saved(store):
    return sorted((store / "checkpoints").glob("*"))


def paths_for(store, cells):
    files = Files(str(store))
    return checkpoints.Farthest.of(checkpoints.headers(files)).paths(Pack(tuple(cells), WIDTH))


@pytest.mark.parametrize("until", [130, 330])
def test_a_job_goes_on_where_a_lost_one_was_saved_to_the_same_bits(store, trained, uninterrupted, until):
    begun(store, until)
    before, trained[:] = sum(trained), []
    finish(job(store, goes_on=True))
    assert rows(store) == uninterrupted
    again = before + sum(trained) - STEPS * len(CELLS)
    print(f"lost a job after {before} of {STEPS * len(CELLS)} steps, {again} of them were trained again")
    assert 0 <= again <= 20 * len(CELLS)
    assert not saved(store)


def test_a_checkpoint_is_found_by_its_cells_whatever_the_packs_are_now(store, trained, uninterrupted):
    begun(store, 250)
    trained.clear()
    others = [CELLS[0], CELLS[2], CELLS[5]], [CELLS[4], CELLS[3], CELLS[1]]
    for cells in others:
        paths = paths_for(store, cells)
        assert len(paths) == 1
        finish(job(store, cells, paths=paths))
    assert rows(store) == uninterrupted
    assert sum(trained) < 0.5 * STEPS * len(CELLS)
    files = Files(str(store))
    found = checkpoints.headers(files)
    checkpoints.remove_done(files, found, {c.key for c in CELLS[1:]})
    assert len(saved(store)) == len(found) == 1
    checkpoints.remove_done(files, found, open_store(store).keys())
    assert not saved(store)


def test_of_two_checkpoints_of_a_cell_the_farther_counts(store):
    begun(store, 100, cells=CELLS[:2])
    begun(store, 300, cells=CELLS[:3])
    (path,) = paths_for(store, CELLS[:2])
    assert Pack(tuple(CELLS[:3]), WIDTH).key in path


def test_cells_saved_at_half_the_width_go_on_at_that_width(store):
    narrow = PackJob(Pack(tuple(CELLS[:4]), 2), str(store), Keep(), checkpoint_seconds=1e-6)
    while narrow.fraction < 0.5:
        narrow.advance(1e-6)
    finish(job(store, CELLS[:4], paths=paths_for(store, CELLS[:4])))
    found = open_store(store).to_pandas(["pack_width"])
    assert found["pack_width"].tolist() == [2] * 4


class Evil:
    def __reduce__(self):
        return (open, ("/nonexistent/owned", "w"))


def damaged(content, _):
    return content[:-100] + bytes(100)


def cut(content, _):
    return content[: len(content) // 2]


def foreign(content, _):
    return b"something else"


def newer(content, _):
    return content.replace(b"explorer checkpoint 1\n", b"explorer checkpoint 2\n")


def pickled(content, said):
    return _file(said, pickle.dumps([Evil(), Evil()]))


def other_conditions(content, said):
    said["conditions"]["threads"] += 1
    return _file(said, content[content.index(b"PK") :])


def _file(said, body):
    import hashlib

    header = json.dumps({**said, "digest": hashlib.sha256(body).hexdigest()}).encode()
    return checkpoints.MAGIC + len(header).to_bytes(8, "big") + header + body


@pytest.mark.parametrize("change", [damaged, cut, foreign, newer, pickled, other_conditions])
def test_a_checkpoint_that_cannot_be_trusted_is_left_aside_with_a_word(store, uninterrupted, trained, change):
    begun(store, 200)
    (path,) = saved(store)
    content = path.read_bytes()
    length = int.from_bytes(content[22:30], "big")
    path.write_bytes(change(content, json.loads(content[30 : 30 + length])))
    trained.clear()
    second = job(store, goes_on=True, checkpoint_seconds=0)
    (note,) = second.notes()
    assert path.name in note
    finish(second)
    assert rows(store) == uninterrupted
    assert sum(trained) == STEPS * len(CELLS)
    checkpoints.headers(Files(str(store)))


def test_a_checkpoint_of_another_model_is_left_aside(store, trained, monkeypatch):
    begun(store, 200)
    load = checkpoints.load

    def renamed(*arguments):
        width, states, why = load(*arguments)
        for state in states.values():
            state.weights["another"] = state.weights.pop("encoder")
        return width, states, why

    monkeypatch.setattr(checkpoints, "load", renamed)
    trained.clear()
    second = job(store, goes_on=True, checkpoint_seconds=0)
    finish(second)
    assert any("does not fit its cells" in note for note in second.notes())
    assert sum(trained) == STEPS * len(CELLS)
    assert set(open_store(store).to_pandas()["status"]) <= {"converged", "budget"}


def test_a_checkpoint_that_cannot_be_written_is_one_missed(store, uninterrupted, monkeypatch):
    (store / "checkpoints").write_text("a file is in the way")
    working = begun(store)
    finish(working)
    assert any("no checkpoint" in note for note in working.notes())
    assert rows(store) == uninterrupted


def test_the_store_shows_nothing_of_its_checkpoints(store):
    begun(store, 200)
    assert len(saved(store)) == 1
    opened = open_store(store)
    assert opened.to_pandas().empty
    assert opened.status()["done"] == 0


STUDY = """\
name: left
axes: {source: sparse, sparsity: [0.3, 0.6], architecture: two_layer, dimension: 8, rate: 1.0}
training: {steps: 400, batch: 16, evaluation_samples: 256}
"""


@pytest.fixture
def complete(store, tmp_path):
    """A study of which every cell has a row in the store, and what was left there beside: a checkpoint each, by what is true of it."""
    (tmp_path / "study.yaml").write_text(STUDY)
    study = load_study(tmp_path / "study.yaml")
    left = {}
    for name, cells in (("done", study.cells), ("old", CELLS[:2]), ("young", CELLS[2:4])):
        before = set(saved(store))
        begun(store, 100, cells=cells)
        (left[name],) = set(saved(store)) - before
    left["not one"] = store / "checkpoints" / "damaged.ckpt"
    left["not one"].write_bytes(b"nothing")
    for name in ("old", "not one"):
        os.utime(left[name], (time.time() - KEPT_SECONDS - 60,) * 2)
    finish(job(store, study.cells, checkpoint_seconds=0))
    return study, left


def test_the_next_run_removes_checkpoints_that_nobody_goes_on_with_even_where_it_has_nothing_to_train(complete, store):
    study, left = complete
    assert set(saved(store)) == set(left.values())
    summary = run_study(study, str(store), progress=False)
    assert (summary.complete, summary.trained) == (True, 0)
    assert saved(store) == [left["young"]]


def test_compact_removes_what_nobody_has_written_for_a_month_and_leaves_what_may_be_in_training(complete, store):
    _, left = complete
    removed = {row.folder: row.deleted for row in compact(str(store))}
    assert removed["checkpoints"] == 2
    assert set(saved(store)) == {left["done"], left["young"]}
    assert "checkpoints" not in {row.folder for row in compact(str(store))}
