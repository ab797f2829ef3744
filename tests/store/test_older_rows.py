"""Stores that were begun before some columns existed."""

import pytest

from explorer import open_store
from explorer.analysis.table import varying
from explorer.cells import Cell
from explorer.store import StoreWriter
from tests.store.parts import gaussian, outcomes, sparse

YOUNG = ["samples", "weight_bits", "distortion", "surrogate", "refit", "spectrum", "objective"]


def old(cells, pack):
    """A part as the first version wrote it."""
    table = outcomes(cells, pack)
    return table.select([name for name in table.column_names if name not in YOUNG])


@pytest.fixture
def store(tmp_path):
    writer = StoreWriter(tmp_path)
    writer.create()
    writer.publish("a", old([sparse(0), sparse(1, tied=True), sparse(2, activation="tanh")], "a"))
    return writer


def test_a_store_of_old_rows_alone_is_read(store, tmp_path):
    table = open_store(tmp_path).to_pandas(where="samples = 'inf' AND weight_bits = 'inf'")
    assert len(table) == 3
    assert table["objective"].isna().all()
    assert open_store(tmp_path).status()["cells"] == 3


def test_old_rows_show_the_neutral_values_where_they_have_the_setting(store, tmp_path):
    table = open_store(tmp_path).to_pandas().set_index("seed")
    assert table["distortion"].tolist() == ["squared_error"] * 3
    assert table["surrogate"].fillna("none").to_dict() == {0: "straight_through", 1: "straight_through", 2: "none"}
    assert {seed: value for seed, value in table["refit"].items() if value is not None} == {0: False, 2: False}
    assert table["spectrum"].isna().all()


def test_a_grown_store_is_one_grid(store, tmp_path):
    store.publish("b", outcomes([sparse(3)], "b"))
    opened = open_store(tmp_path)
    table = opened.to_pandas(where="activation = 'sign' AND NOT tied")
    assert sorted(table["seed"]) == [0, 3]
    assert varying(table, opened.settings, ()) == []


def test_an_old_gaussian_is_isotropic(tmp_path):
    writer = StoreWriter(tmp_path)
    writer.create()
    writer.publish("a", old([gaussian()], "a"))
    assert open_store(tmp_path).to_pandas()["spectrum"].tolist() == ["isotropic"]


def test_keys_of_old_rows_are_those_of_their_cells_today(store, tmp_path):
    assert open_store(tmp_path).missing([sparse(0), sparse(9)]) == [sparse(9)]


def test_the_columns_of_a_pack_are_those_it_wrote(store, tmp_path):
    store.publish("b", outcomes([sparse(3)], "b"))
    opened = open_store(tmp_path)
    assert "samples" not in opened.columns_of("a")
    assert "samples" in opened.columns_of("b")
    assert opened.columns_of("c") == set()


def test_a_new_store_has_no_more_columns_than_its_rows(tmp_path):
    writer = StoreWriter(tmp_path)
    writer.create()
    cell = Cell.of(source="sparse", architecture="linear", sparsity=0.5, rate=1.0, dimension=8)
    writer.publish("a", outcomes([cell], "a"))
    assert not {"surrogate", "spectrum"} & set(open_store(tmp_path).settings)
