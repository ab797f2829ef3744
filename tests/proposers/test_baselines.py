import numpy as np

from explorer.proposers.base import Ask, Observed, proposers
from tests.proposers.test_boundary import BOX, follow
from tests.proposers.test_proposers import LINE, nothing


def low(points):
    return np.full(len(points), -1.0)


def test_grid_finishes_one_grid_before_the_next():
    found = proposers["grid"](nothing(1), LINE, Ask(6, 0.1, seeds_per_point=1))
    assert sorted(found.points[:3, 0]) == [0.0, 0.5, 1.0]
    assert set(found.points[3:5, 0]) == {0.25, 0.75}


def test_grid_goes_on_where_it_was():
    observed, _ = follow(BOX, low, Ask(9, 0.1, seeds_per_point=1), 3, "grid")
    np.testing.assert_allclose(np.unique(observed.points[:, 0])[[0, -1]], [0, 1])
    assert len(np.unique(observed.points[:25], axis=0)) == 25
    assert np.isin(observed.points[:25], [0, 0.25, 0.5, 0.75, 1]).all()


def test_sobol_is_one_sequence_however_it_is_asked_for():
    whole = proposers["sobol"](nothing(2), BOX, Ask(32, 0.1, seeds_per_point=1, seed=3)).points
    parts, _ = follow(BOX, low, Ask(8, 0.1, seeds_per_point=1, seed=3), 4, "sobol")
    np.testing.assert_array_equal(parts.points, whole)


def test_sobol_fills_space_evenly_and_differs_by_seed():
    first, second = (
        proposers["sobol"](nothing(2), BOX, Ask(64, 0.1, seeds_per_point=1, seed=s)).points for s in (0, 1)
    )
    counts, _, _ = np.histogram2d(*first.T, bins=4, range=[[0, 1], [0, 1]])
    assert counts.min() >= 2
    assert not np.array_equal(first, second)


def test_sobol_is_blind_to_outcomes():
    points = proposers["sobol"](nothing(2), BOX, Ask(16, 0.1, seeds_per_point=1)).points
    seeds = np.zeros(16, dtype=np.int64)
    answers = [
        proposers["sobol"](Observed(points, seeds, values), BOX, Ask(8, 1e-5, seeds_per_point=1)).points
        for values in (np.zeros(16), (points[:, 0] > 0.5).astype(float))
    ]
    np.testing.assert_array_equal(*answers)
