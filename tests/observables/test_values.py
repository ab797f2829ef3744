import numpy as np
import pytest

from explorer.observables import observables


def value(name, *matrices):
    return observables[name].compute(*(np.array(matrix, dtype=np.float32) for matrix in matrices))


HALF = np.sqrt(0.5)
MIXED = [[0.6, 0.8], [1.0, 0.0]]


def test_localization_is_the_mean_of_fourth_powers():
    assert value("localization", MIXED) == pytest.approx((0.6**4 + 0.8**4 + 1) / 2)


def test_localization_of_a_flat_row_is_one_over_its_length():
    assert value("localization", np.full((1, 16), 0.25)) == pytest.approx(1 / 16)


def test_peak_is_the_mean_of_largest_entries_whatever_their_sign():
    assert value("peak", [[0.6, -0.8], [1.0, 0.0]]) == pytest.approx(0.9)


def test_permutation_distance_takes_the_best_assignment_not_the_best_rows():
    # Both rows peak at the second coordinate; one of them must take the first: 2 + 2 - 2 (0.6 + 0.9) over 4.
    rows = [[0.6, 0.8], [np.sqrt(0.19), 0.9]]
    assert value("permutation_distance", rows) == pytest.approx((4 - 2 * 1.5) / 4, abs=1e-6)


def test_permutation_distance_ignores_signs():
    assert value("permutation_distance", [[0, -1], [1, 0]]) == 0


def test_permutation_distance_counts_rows_beyond_the_coordinates_as_far():
    assert value("permutation_distance", [[1, 0], [0, 1], [1, 0], [0, 1]]) == pytest.approx(2 / 8)


def test_orthogonality_of_two_equal_rows():
    assert value("orthogonality", [[1, 0], [1, 0]]) == pytest.approx(1.0)


def test_orthogonality_counts_every_overlap_twice():
    assert value("orthogonality", MIXED) == pytest.approx(2 * 0.6**2 / 2)


def test_frame_defect_vanishes_for_a_tight_frame():
    mercedes = [[0, 1], [np.sqrt(3) / 2, -0.5], [-np.sqrt(3) / 2, -0.5]]
    assert value("frame_defect", mercedes) == pytest.approx(0, abs=1e-12)


def test_frame_defect_of_orthonormal_rows_is_r_times_one_minus_r():
    assert value("frame_defect", np.eye(6)[:2]) == pytest.approx(1 / 3 * 2 / 3)


def test_haar_distance_of_the_identity_is_the_jump_at_zero():
    # No entry lies below zero, where half of the normal law does.
    assert value("haar_distance", np.eye(50)) == pytest.approx(0.5)


def test_haar_distance_agrees_with_scipy():
    from scipy import stats

    rows = np.random.default_rng(0).laplace(size=(7, 11))
    expected = stats.kstest(rows.astype(np.float32).ravel() * np.sqrt(11), "norm").statistic
    assert value("haar_distance", rows) == pytest.approx(expected, abs=1e-6)


def test_coverage_falls_when_rows_share_a_coordinate():
    assert value("coverage", [[1, 0, 0], [0, -1, 0], [0.9, 0.1, 0]]) == pytest.approx(2 / 3)


def test_coverage_is_relative_to_what_the_rows_could_cover():
    assert value("coverage", np.eye(8)[:4]) == 1


@pytest.mark.parametrize("scale", [0.1, 3.0])
def test_tying_ignores_the_scale_of_the_decoder(scale):
    assert value("tying", MIXED, scale * np.array(MIXED).T) == pytest.approx(1)


def test_tying_is_minus_one_for_the_negative_transpose_and_zero_for_an_orthogonal_one():
    assert value("tying", np.eye(2), -np.eye(2)) == pytest.approx(-1)
    assert value("tying", np.eye(2), [[0, 1], [1, 0]]) == pytest.approx(0)


def test_tying_of_a_zero_decoder_is_not_a_number():
    assert np.isnan(value("tying", np.eye(2), np.zeros((2, 2))))
