"""What the heat maps of encoders show, without pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from explorer.errors import AnalysisError
from explorer.figures import figures
from explorer.figures.base import Options
from explorer.figures.minimizers import MOST_COLUMNS, extract, sort_encoder
from tests.figures.stores import DIMENSION, SPARSITIES, cells, encoder, make

draw = figures["minimizers"].picture

matrices = arrays(
    np.float32, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(-50, 50).map(lambda v: v / 64)
)


def in_order(matrix):
    """Rows with their signs forgotten, then columns, in an order of their own values."""
    return sorted(map(tuple, np.sort(np.abs(matrix), axis=1)))


@given(matrices)
def test_sorting_permutes_rows_and_columns_and_flips_rows(matrix):
    found = sort_encoder(matrix)
    assert found.shape == matrix.shape
    assert found.dtype == np.float32
    assert in_order(found) == in_order(matrix)
    assert in_order(found.T) == in_order(matrix.T)
    np.testing.assert_allclose(np.linalg.svd(found)[1], np.linalg.svd(matrix)[1], atol=1e-5)


@given(matrices)
def test_the_assignment_lies_on_the_diagonal_positive_and_decreasing(matrix):
    diagonal = np.diagonal(sort_encoder(matrix))
    assert (diagonal >= 0).all()
    assert (np.diff(diagonal) <= 0).all()


@pytest.mark.parametrize("rows", [3, 8])
def test_a_shuffled_signed_identity_becomes_the_identity(rows):
    generator = np.random.default_rng(0)
    shuffled = np.eye(8, dtype=np.float32)[generator.permutation(8)[:rows]] * generator.choice([-1, 1], (rows, 1))
    np.testing.assert_array_equal(sort_encoder(shuffled.astype(np.float32)), np.eye(8)[:rows])


def test_unmatched_rows_come_last():
    tall = np.array([[0.6, 0], [0.9, 0], [0, -0.8], [0, 0.5]], dtype=np.float32)
    np.testing.assert_array_equal(
        sort_encoder(tall), np.array([[0.9, 0], [0, 0.8], [0.6, 0], [0, 0.5]], dtype=np.float32)
    )


def test_encoders_are_those_of_the_first_seed_at_the_largest_rate_up_to_one(tmp_path):
    members = cells()
    found = extract(make(tmp_path, members, minimizers=True), Options())
    assert "$r$ = 1," in found.title
    assert "seed 0" in found.title
    for (start, point), matrix in found.encoders.items():
        wanted = {"init": start, "sparsity": point, "rate": 1.0, "seed": 0}
        [cell] = [c for c in members if wanted.items() <= c.settings.items()]
        np.testing.assert_array_equal(matrix, sort_encoder(encoder(cell)))


def test_columns_are_spread_over_the_axis_from_end_to_end(tmp_path):
    found = extract(make(tmp_path, cells(), minimizers=True), Options())
    assert len(found.points) == MOST_COLUMNS
    assert (found.points[0], found.points[-1]) == (SPARSITIES[0], SPARSITIES[-1])


def test_the_start_that_was_asked_for_comes_first(tmp_path):
    store = make(tmp_path, cells(), minimizers=True)
    assert extract(store, Options()).starts == ["random", "identity"]
    assert extract(store, Options(start="identity")).starts == ["identity", "random"]


def test_a_rate_above_one_can_be_chosen(tmp_path):
    found = extract(make(tmp_path, cells(), minimizers=True), Options(where="rate > 1"))
    assert found.encoders["random", SPARSITIES[0]].shape == (12, DIMENSION)


def test_no_kept_minimizers_are_refused_with_what_to_write(tmp_path):
    with pytest.raises(AnalysisError, match=r"no minimizers are kept; .*keep: \{minimizers: true\}"):
        extract(make(tmp_path, cells(rate=0.5)), Options())


def test_other_settings_that_vary_are_refused_with_the_option_that_helps(tmp_path):
    store = make(tmp_path, cells(base=("rademacher", "uniform")), minimizers=True)
    with pytest.raises(AnalysisError, match=r"base also vary.*--where \"base = '"):
        extract(store, Options())


@pytest.mark.parametrize(
    "settings", [{"sparsity": 0.5}, {"init": "random"}, {"rate": 1.5, "sparsity": 0.5, "init": "random"}]
)
def test_small_stores_are_drawn_no_larger_than_a_page(tmp_path, settings):
    drawn = draw(extract(make(tmp_path, cells(**settings), minimizers=True), Options()))
    drawn.draw_without_rendering()
    width, height = drawn.get_size_inches()
    assert width <= 6.9
    assert height <= 9


def test_a_missing_cell_leaves_its_place_empty(tmp_path):
    members = [
        c for c in cells(rate=1.0) if (c.settings["init"], c.settings["sparsity"]) != ("identity", SPARSITIES[0])
    ]
    drawn = draw(extract(make(tmp_path, members, minimizers=True), Options()))
    assert [t.get_text() for ax in drawn.axes for t in ax.texts] == ["no cell"]
