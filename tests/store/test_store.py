import os

import numpy as np
import pyarrow as pa
import pytest

from explorer.errors import StoreError
from explorer.store import StoreWriter, open_store
from tests.store.parts import curves, gaussian, minimizers, outcomes, sparse


@pytest.fixture
def writer(tmp_path):
    made = StoreWriter(str(tmp_path / "store"))
    made.create()
    return made


def read(writer):
    return open_store(writer.files.name)


def test_empty_store_has_the_columns_and_no_rows(writer):
    store = read(writer)
    assert store.to_pandas().empty
    assert {"cell_key", "status", "loss", "finished_at"} <= set(store.schema.names)
    assert store.sql("SELECT count(*) AS n FROM curves").to_pylist() == [{"n": 0}]
    assert store.sql("SELECT count(*) AS n FROM minimizers").to_pylist() == [{"n": 0}]
    assert (store.keys(), store.settings, store.observables, store.planned_keys()) == (set(), [], [], set())


def test_creating_a_store_again_keeps_what_is_in_it(writer):
    writer.publish("a", outcomes([sparse()]))
    writer.create()
    assert read(writer).keys() == {sparse().key}


def test_row_comes_back_as_it_was_written(writer):
    writer.publish("a", outcomes([sparse(3)], pack="a", loss=0.125))
    (row,) = read(writer).arrow().to_pylist()
    expected = outcomes([sparse(3)], pack="a", loss=0.125).to_pylist()[0]
    assert {name: row[name] for name in expected} == expected


def test_parts_with_other_settings_and_observables_are_one_table(writer):
    writer.publish("a", outcomes([sparse()], observables=("localization",)))
    writer.publish("b", outcomes([gaussian(activation="tanh")], observables=("localization", "peak")))
    store = read(writer)
    assert {"sparsity", "base", "surrogate_width", "activation"} <= set(store.settings)
    assert store.observables == ["localization", "peak"]
    rows = {row["source"]: row for row in store.arrow().to_pylist()}
    assert (rows["gaussian"]["sparsity"], rows["gaussian"]["base"], rows["gaussian"]["surrogate_width"]) == (None,) * 3
    assert (rows["sparse"]["sparsity"], rows["sparse"]["peak"]) == (0.5, None)


def test_columns_come_in_a_fixed_order_whatever_was_published_first(writer):
    writer.publish("b", outcomes([gaussian()], observables=("peak",)))
    writer.publish("a", outcomes([sparse()], observables=("localization",)))
    names = read(writer).schema.names
    assert names[:3] == ["cell_key", "status", "error"]
    settings = read(writer).settings
    assert names[3 : 3 + len(settings)] == sorted(settings)
    assert names[3 + len(settings) :][:2] == ["loss", "loss_se"]


def test_parts_that_disagree_on_a_type_are_refused_with_the_column(writer):
    writer.publish("a", outcomes([sparse()]))
    changed = outcomes([sparse(1)])
    position = changed.schema.get_field_index("sparsity")
    writer.publish("b", changed.set_column(position, "sparsity", pa.array(["half"])))
    with pytest.raises(StoreError, match=r"disagree.*sparsity"):
        read(writer).to_pandas()


def test_cell_in_two_parts_counts_once_and_the_earlier_row_wins(writer):
    writer.publish("late", outcomes([sparse(), sparse(1)], pack="late", loss=0.9, minute=5))
    writer.publish("early", outcomes([sparse()], pack="early", loss=0.1, minute=1))
    found = read(writer).to_pandas().set_index("cell_key").loss
    assert dict(found) == {sparse().key: 0.1, sparse(1).key: 0.9}


def test_failed_row_gives_way_to_a_good_one_whenever_it_came(writer):
    writer.publish("bad", outcomes([sparse()], pack="bad", status="failed", minute=1))
    writer.publish("good", outcomes([sparse()], pack="good", loss=0.3, minute=9))
    (row,) = read(writer).arrow().to_pylist()
    assert (row["status"], row["loss"], row["error"]) == ("converged", 0.3, None)


def test_curves_and_minimizers_are_those_written_with_the_row_that_counts(writer):
    cells = [sparse()]
    for pack, loss, minute in (("late", 0.9, 5), ("early", 0.1, 1)):
        matrix = np.full((2, 3), loss, dtype=np.float32)
        writer.publish(
            pack,
            outcomes(cells, pack, loss=loss, minute=minute),
            curves(cells, pack, loss),
            minimizers([(cells[0], {"encoder": matrix})], pack),
        )
    store = read(writer)
    found = store.sql("SELECT step, loss FROM curves ORDER BY step").to_pylist()
    assert found == [{"step": 1, "loss": 0.1}, {"step": 2, "loss": 0.05}]
    np.testing.assert_allclose(store.minimizer(cells[0].key)["encoder"], 0.1, rtol=1e-6)


def test_curves_of_a_pack_that_was_never_finished_are_not_seen(writer, monkeypatch):
    real, calls = os.replace, []

    def dies_at_the_cells(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError("killed")
        real(source, target)

    monkeypatch.setattr(os, "replace", dies_at_the_cells)
    with pytest.raises(StoreError, match="killed"):
        writer.publish("a", outcomes([sparse()]), curves([sparse()]))
    store = read(writer)
    assert store.sql("SELECT count(*) AS n FROM stored_curves").to_pylist() == [{"n": 2}]
    assert store.sql("SELECT count(*) AS n FROM curves").to_pylist() == [{"n": 0}]
    assert store.keys() == set()


def test_same_pack_published_twice_is_one_part(writer):
    for _ in range(2):
        writer.publish("a", outcomes([sparse()]), curves([sparse()]))
    store = read(writer)
    assert store.sql("SELECT count(*) AS n FROM stored_cells").to_pylist() == [{"n": 1}]
    assert store.sql("SELECT count(*) AS n FROM curves").to_pylist() == [{"n": 2}]


def test_minimizers_come_back_by_name_and_shape(writer):
    cell, other = sparse(), sparse(1)
    kept = {"encoder": np.arange(6, dtype=np.float32).reshape(2, 3), "decoder": -np.ones((3, 2), dtype=np.float32)}
    rows = minimizers([(cell, kept), (other, {"encoder": np.zeros((1, 1), dtype=np.float32)})])
    writer.publish("a", outcomes([cell, other]), None, rows)
    found = read(writer).minimizer(cell.key)
    assert set(found) == set(kept)
    for name, matrix in kept.items():
        np.testing.assert_array_equal(found[name], matrix)


def test_minimizer_that_is_not_kept_says_how_to_keep_it(writer):
    writer.publish("a", outcomes([sparse()]))
    with pytest.raises(StoreError, match=f"no minimizer of cell {sparse().key}.*minimizers: true"):
        read(writer).minimizer(sparse().key)


def test_cell_key_is_no_way_into_the_query(writer):
    with pytest.raises(StoreError, match="is not a cell key"):
        read(writer).minimizer("x' OR '1'='1")


def test_missing_cells_are_those_without_a_row(writer):
    cells = [sparse(seed) for seed in range(4)]
    writer.publish("a", outcomes(cells[:1]))
    writer.publish("b", outcomes(cells[1:2], pack="b", status="failed"))
    writer.publish("c", outcomes(cells[2:3], pack="c", status="diverged"))
    store = read(writer)
    assert store.missing(cells) == [cells[3]]
    assert store.missing(cells, retry_failed=True) == [cells[1], cells[3]]


def test_columns_and_rows_are_chosen(writer):
    writer.publish("a", outcomes([sparse(seed) for seed in range(3)]))
    store = read(writer)
    found = store.to_pandas(["seed", "loss"], where="seed >= 1")
    assert list(found.columns) == ["seed", "loss"]
    assert sorted(found.seed) == [1, 2]
    with pytest.raises(StoreError, match="sparsty"):
        store.arrow(["sparsty"])


def test_store_shows_what_it_held_when_it_was_opened_and_refresh_looks_again(writer):
    writer.publish("a", outcomes([sparse()]))
    store = read(writer)
    writer.publish("b", outcomes([gaussian()], pack="b"))
    assert store.keys() == {sparse().key}
    assert store.refresh().keys() == {sparse().key, gaussian().key}


def test_studies_and_their_plans_are_kept_once_each(writer):
    first = writer.keep_study("name: one\n", ["a", "b"])
    assert writer.keep_study("name: one\n", ["a", "b"]) == first
    writer.keep_study("name: zwei\n# é\n", ["b", "c"])
    store = read(writer)
    assert sorted(store.study_texts()) == ["name: one\n", "name: zwei\n# é\n"]
    assert store.planned_keys() == {"a", "b", "c"}


def test_run_says_its_latest_state(writer):
    writer.note_run("r1", {"done": 1})
    writer.note_run("r1", {"done": 2})
    (run,) = read(writer).runs()
    assert run["done"] == 2
    assert "updated_at" in run


def test_outcomes_are_what_was_asked_for_and_every_setting(writer):
    writer.publish("a", outcomes([sparse(seed, sparsity=p) for seed in range(2) for p in (0.25, 0.5)]))
    writer.publish("b", outcomes([gaussian()], pack="b"))
    frame = read(writer).outcomes(["loss", "rate", "nothing of the kind"])
    assert set(frame.columns) == {*read(writer).settings, "loss"}
    assert sorted(frame["sparsity"].dropna()) == [0.25, 0.25, 0.5, 0.5]
    assert frame["rate"].tolist() == [1.0] * 5
    assert frame["rate"].dtype == float
    assert set(frame["optimizer"]) == {"adam"}
    assert frame["shape"].isna().all() if "shape" in frame else True
    assert len(read(writer).outcomes(["loss"], where="sparsity = 0.25")) == 2
    assert read(writer).outcomes(["loss"], where="sparsity > 1").empty
