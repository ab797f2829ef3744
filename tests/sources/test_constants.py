import numpy as np
import pytest
from scipy import stats

from explorer.sources.constants import haar, normals, permutation, uniforms


def test_constants_are_those_of_the_seed_and_purpose():
    assert np.array_equal(normals(1, "rotation", 3, 4), normals(1, "rotation", 3, 4))
    assert not np.array_equal(normals(1, "rotation", 3, 4), normals(2, "rotation", 3, 4))
    assert not np.array_equal(normals(1, "rotation", 3, 4), normals(1, "dictionary", 3, 4))


def test_words_are_those_of_philox_whatever_numpy_makes_of_them():
    found = uniforms(5, "rotation", 2)
    np.testing.assert_array_equal(found, [0.8788688433907489, 0.7442361218630614])


def test_draws_follow_their_laws():
    assert stats.kstest(uniforms(0, "phases", 20_000), "uniform").pvalue > 1e-3
    assert stats.kstest(normals(0, "phases", 20_000), "norm").pvalue > 1e-3


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (5, 5), (7, 3)])
def test_columns_are_orthonormal(rows, columns):
    q = haar(0, "rotation", rows, columns)
    assert q.shape == (rows, columns)
    np.testing.assert_allclose(q.T @ q, np.eye(columns), atol=1e-12)


def test_fewer_columns_are_the_first_of_more():
    np.testing.assert_allclose(haar(0, "rotation", 6, 2), haar(0, "rotation", 6, 6)[:, :2], atol=1e-12)


def test_rotation_is_uniform():
    entries = np.array([haar(seed, "rotation", 3, 3)[0, 0] for seed in range(2000)])
    assert stats.kstest(entries, "uniform", (-1, 2)).pvalue > 1e-3


def test_permutation_holds_each_number_once():
    assert sorted(permutation(0, "rows", 100)) == list(range(100))
