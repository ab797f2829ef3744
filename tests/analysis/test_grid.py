"""Grids: their scale, and cells around their points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.analysis.grid import edges, fine, part, scale


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([0.3, 0.4, 0.5], "linear"),
        ([0.25, 0.5, 0.75, 1.0, 1.5], "linear"),
        ([1e-3, 1e-2, 1e-1], "log"),
        ([16, 32, 64, 128], "log"),
        ([0.001, 0.003, 0.01, 0.03], "log"),
        ([0.0, 0.1, 1.0], "linear"),
        ([1, 10], "linear"),
        ([1], "linear"),
    ],
)
def test_scale_is_the_one_on_which_points_are_even(points, expected):
    assert scale(points) == expected


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=12, unique_by=lambda v: round(v, 3)))
def test_every_point_lies_in_a_cell_of_its_own(points):
    centres = np.sort(points)
    found = edges(centres)
    assert len(found) == len(centres) + 1
    assert (found[:-1] < centres).all()
    assert (centres < found[1:]).all()


def test_fine_points_go_from_end_to_end():
    assert fine([1, 10, 100], 5).tolist() == pytest.approx([1, 10**0.5, 10, 10**1.5, 100])
    assert fine([1, 2, 3], 3).tolist() == [1, 2, 3]


def test_part_of_a_stretch_follows_its_scale():
    assert part(1, 100, 0.5, "log") == pytest.approx(10)
    assert part(1, 100, 0.5, "linear") == 50.5
