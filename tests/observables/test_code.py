"""Observables of the code, of the data's covariance and of the true dictionary."""

import numpy as np
import pytest

from explorer.observables import observables, observe


def value(name, *matrices):
    return observables[name].compute(*(np.array(matrix, dtype=np.float32) for matrix in matrices))


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def rotation(d, seed=0):
    return np.linalg.qr(normal(d, d, seed=seed))[0]


CODE = [name for name, observable in observables.items() if observable.needs == ("code",)]
# All signs of three units once each: uncorrelated and balanced.
CUBE = np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)])

# effective_rank


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
def test_effective_rank_of_equal_variances_is_their_number_at_any_scale(scale):
    assert value("effective_rank", scale * CUBE) == pytest.approx(3)


def test_effective_rank_is_the_exponential_of_the_entropy():
    # Variances 9 and 1: shares 0.9 and 0.1.
    code = [[3, 1], [3, -1], [-3, 1], [-3, -1]]
    assert value("effective_rank", code) == pytest.approx(np.exp(-0.9 * np.log(0.9) - 0.1 * np.log(0.1)), rel=1e-6)


def test_effective_rank_ignores_rotations_and_shifts():
    code = normal(50, 6) * np.arange(1, 7)
    expected = value("effective_rank", code)
    assert value("effective_rank", code @ rotation(6)) == pytest.approx(expected, rel=1e-5)
    assert value("effective_rank", code + 10) == pytest.approx(expected, rel=1e-4)


def test_effective_rank_is_the_same_for_more_units_than_samples():
    code = normal(5, 40)
    padded = np.vstack([code] * 20)
    assert value("effective_rank", code) == pytest.approx(value("effective_rank", padded), rel=1e-6)
    assert value("effective_rank", code) <= 4


@pytest.mark.parametrize("constant", [0.0, 1.0, 0.1, -1e9, 1e-30])
def test_effective_rank_of_a_constant_code_is_zero(constant):
    assert value("effective_rank", np.full((7, 3), constant)) == 0


def test_effective_rank_of_a_code_that_is_constant_up_to_rounding_is_zero():
    code = np.tile([1000, 0.1, 1 / 3], (1001, 1)) * (1 + 1e-7 * normal(1001, 3))
    assert value("effective_rank", code) == 0


def test_effective_rank_of_one_sample_is_zero_and_of_one_unit_one():
    assert value("effective_rank", [[1, 2, 3]]) == 0
    assert value("effective_rank", normal(20, 1)) == pytest.approx(1)


# dead_units


def test_dead_units_are_those_with_one_value():
    assert value("dead_units", [[0, 1, 7, 0.1], [0, -1, 7, 0.2]]) == 0.5


def test_dead_units_may_differ_by_rounding():
    assert value("dead_units", [[1000, 0], [1000.0001, 1e-7]]) == 1
    assert value("dead_units", [[1000, 0], [1000.01, 1e-5]]) == 0


def test_dead_units_of_one_sample_are_all():
    assert value("dead_units", [[1, 2, 3]]) == 1


# code_sparsity


def test_code_sparsity_is_one_for_one_unit_and_zero_for_equal_magnitudes():
    assert value("code_sparsity", [[0, -3, 0, 0], [2, 0, 0, 0]]) == pytest.approx(1)
    assert value("code_sparsity", CUBE) == pytest.approx(0, abs=1e-12)


def test_code_sparsity_is_hoyers():
    assert value("code_sparsity", [[3, 4, 0, 0]]) == pytest.approx((2 - 7 / 5) / (2 - 1))


def test_code_sparsity_averages_samples_and_counts_a_zero_sample_as_one():
    assert value("code_sparsity", [[1, 1], [0, 0], [0, 5]]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_code_sparsity_ignores_the_scale_of_each_sample(scale):
    code = normal(20, 6)
    scales = np.linspace(1, scale, 20)[:, None]
    assert value("code_sparsity", scales * code) == pytest.approx(value("code_sparsity", code), rel=1e-5)


def test_code_sparsity_of_one_unit_is_zero():
    assert value("code_sparsity", [[3], [0]]) == 0


# active_share


def test_active_share_counts_what_is_not_zero():
    assert value("active_share", [[0, 2], [-1e-3, 0], [0, 1e-7]]) == pytest.approx(2 / 6)


def test_active_share_of_relu_of_a_symmetric_code_is_one_half_and_of_signs_one():
    code = normal(500, 20)
    assert value("active_share", np.maximum(np.vstack([code, -code]), 0)) == 0.5
    assert value("active_share", CUBE) == 1


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_active_share_ignores_the_scale(scale):
    assert value("active_share", scale * np.array([[0, 1], [1, 1]])) == 0.75


def test_active_share_of_a_zero_code_is_zero():
    assert value("active_share", np.zeros((3, 2))) == 0


# code_entropy


def test_code_entropy_of_balanced_signs_is_one_bit_and_of_a_dead_unit_none():
    assert value("code_entropy", CUBE) == 1
    assert value("code_entropy", np.column_stack([CUBE, np.full(8, 0.3)])) == pytest.approx(3 / 4)


def test_code_entropy_of_a_constant_code_is_zero():
    assert value("code_entropy", np.zeros((5, 2))) == 0


def test_code_entropy_has_the_miller_madow_correction():
    # 1 of 10 on: plug-in entropy h(0.1), one level more than one, 10 samples.
    expected = -(0.1 * np.log2(0.1) + 0.9 * np.log2(0.9)) + 1 / (2 * 10 * np.log(2))
    assert value("code_entropy", np.arange(10)[:, None] == 0) == pytest.approx(expected)


def test_code_entropy_does_not_exceed_the_logarithm_of_the_levels():
    assert value("code_entropy", np.repeat(np.arange(256), 2)[:, None]) == pytest.approx(8)


def test_code_entropy_depends_on_the_partition_alone():
    code = np.random.default_rng(0).integers(0, 5, (300, 4))
    assert value("code_entropy", np.exp(code)) == pytest.approx(value("code_entropy", code))


def test_code_entropy_of_biased_signs_comes_near_theirs():
    code = np.where(np.random.default_rng(0).random((4000, 16)) < 0.2, 1, -1)
    assert value("code_entropy", code) == pytest.approx(-0.2 * np.log2(0.2) - 0.8 * np.log2(0.8), abs=0.005)


def test_minus_zero_is_zero_in_a_code():
    assert value("code_entropy", np.tile([[0.0], [-0.0]], (4, 1))) == 0


def test_code_entropy_of_a_unit_of_more_than_256_values_is_not_a_number():
    assert np.isnan(value("code_entropy", np.repeat(np.arange(257), 3)[:, None]))


@pytest.mark.parametrize("samples", [5, 200, 2000])
def test_code_entropy_of_a_continuous_code_is_not_a_number(samples):
    assert np.isnan(value("code_entropy", normal(samples, 4)))
    assert np.isnan(value("code_entropy", np.maximum(normal(samples, 4), 0)))


def test_code_entropy_of_a_sparse_continuous_code_is_not_a_number():
    code = normal(1000, 6) * (np.random.default_rng(1).random((1000, 6)) < 0.02)
    assert np.isnan(value("code_entropy", code))


def test_code_entropy_of_one_continuous_unit_among_signs_is_not_a_number():
    assert np.isnan(value("code_entropy", np.column_stack([np.sign(normal(300, 7)), normal(300, 1)])))


def test_code_entropy_of_one_sample_is_not_a_number():
    assert np.isnan(value("code_entropy", [[1, -1]]))


# subspace_distance

SPECTRUM = np.diag([9.0, 7.0, 5.0, 3.0, 1.0])


def test_subspace_distance_is_zero_on_the_principal_subspace_in_any_basis_of_it():
    rows = normal(2, 2) @ np.eye(5)[:2]
    assert value("subspace_distance", rows, SPECTRUM) == pytest.approx(0, abs=1e-6)


def test_subspace_distance_is_one_for_orthogonal_subspaces():
    assert value("subspace_distance", np.eye(5)[3:], SPECTRUM) == pytest.approx(1)


def test_subspace_distance_is_that_of_the_projectors():
    rows, axes = normal(3, 5), rotation(5)
    expected = np.linalg.norm(np.linalg.pinv(rows) @ rows - axes[:, :3] @ axes[:, :3].T) ** 2 / 6
    assert value("subspace_distance", rows, axes @ SPECTRUM @ axes.T) == pytest.approx(expected, abs=1e-5)


def test_subspace_distance_of_an_angle_is_its_squared_sine():
    rows = [[np.cos(0.3), np.sin(0.3)]]
    assert value("subspace_distance", rows, np.diag([2.0, 1.0])) == pytest.approx(np.sin(0.3) ** 2)


def test_subspace_distance_ignores_a_rotation_of_the_input():
    rows, turn = normal(2, 5), rotation(5)
    turned = value("subspace_distance", rows @ turn.T, turn @ SPECTRUM @ turn.T)
    assert turned == pytest.approx(value("subspace_distance", rows, SPECTRUM), abs=1e-5)


def test_subspace_distance_counts_each_missing_dimension_half():
    # Rows that repeat: the row space is the first axis alone.
    assert value("subspace_distance", [[1, 0, 0, 0, 0], [-1, 0, 0, 0, 0]], SPECTRUM) == pytest.approx(1 / 4)
    assert value("subspace_distance", np.zeros((2, 5)), SPECTRUM) == pytest.approx(1 / 2)


def test_subspace_distance_sees_rank_through_the_rounding_of_single_precision():
    rows = np.array([[0.1, 0.2, 0.3, 0.4, 0.5]]) * np.array([[1.0], [1 / 3], [0.7]])
    single = value("subspace_distance", rows[:1], SPECTRUM)
    # rank 1 of 3: (1 + 3 - 2c)/6 with c the share of the row in the top three axes.
    c = np.sum(rows[0, :3] ** 2) / np.sum(rows[0] ** 2)
    assert value("subspace_distance", rows, SPECTRUM) == pytest.approx((4 - 2 * c) / 6, abs=1e-6)
    assert single == pytest.approx(1 - rows[0, 0] ** 2 / np.sum(rows[0] ** 2), abs=1e-6)


def test_subspace_distance_of_a_full_rank_encoder_of_at_least_d_rows_is_zero():
    assert value("subspace_distance", normal(5, 5), SPECTRUM) == pytest.approx(0, abs=1e-9)
    assert value("subspace_distance", normal(8, 5), SPECTRUM) == pytest.approx(0, abs=1e-9)
    assert value("subspace_distance", np.ones((8, 5)), SPECTRUM) == pytest.approx(4 / 10)


def test_subspace_distance_takes_the_nearest_of_tied_subspaces():
    tied = np.diag([9.0, 5.0, 5.0, 5.0, 1.0])
    plane = [[1, 0, 0, 0, 0], [0, 0.6, 0, 0.8, 0]]
    assert value("subspace_distance", plane, tied) == pytest.approx(0, abs=1e-6)
    nearly = tied * (1 + 1e-7 * np.arange(5))
    assert value("subspace_distance", plane, nearly) == pytest.approx(0, abs=1e-6)
    assert value("subspace_distance", plane, np.eye(5)) == pytest.approx(0, abs=1e-6)
    assert value("subspace_distance", np.eye(5)[[1, 2]], tied) == pytest.approx(1 / 2)
    assert value("subspace_distance", np.eye(5)[[0, 4]], tied) == pytest.approx(1 / 2)


# pca_loss


def test_pca_loss_is_the_mean_of_the_discarded_eigenvalues():
    turn = rotation(5)
    covariance = turn @ SPECTRUM @ turn.T
    assert value("pca_loss", np.ones((3, 2)), covariance, covariance) == pytest.approx((5 + 3 + 1) / 5, rel=1e-5)


def test_pca_loss_takes_axes_from_the_training_and_power_from_the_evaluation_data():
    evaluation = np.diag([1.0, 2.0, 3.0, 4.0, 5.0])
    assert value("pca_loss", np.ones((3, 2)), SPECTRUM, evaluation) == pytest.approx((3 + 4 + 5) / 5)


@pytest.mark.parametrize("length", [5, 9])
def test_pca_loss_of_a_code_as_long_as_the_input_is_zero(length):
    assert value("pca_loss", np.ones((3, length)), SPECTRUM, SPECTRUM) == 0


def test_pca_loss_is_that_of_projected_data():
    x, y = normal(60, 4) @ normal(4, 4, seed=1), normal(50, 4, seed=2)
    axes = np.linalg.svd(x)[2][:2]
    expected = np.mean((y - y @ axes.T @ axes) ** 2)
    assert value("pca_loss", np.ones((3, 2)), x.T @ x / 60, y.T @ y / 50) == pytest.approx(expected, rel=1e-5)


def test_pca_loss_of_tied_eigenvalues_is_defined():
    assert value("pca_loss", np.ones((3, 2)), np.eye(5), np.eye(5)) == pytest.approx(3 / 5)


def test_principal_axes_follow_the_covariance_not_its_object():
    matrix = SPECTRUM.astype(np.float32)
    before = observables["pca_loss"].compute(np.ones((3, 1)), matrix, matrix)
    matrix[0, 0] = 0
    after = observables["pca_loss"].compute(np.ones((3, 1)), matrix, matrix)
    assert (before, after) == (pytest.approx(16 / 5), pytest.approx(9 / 5))


# dictionary_recovery


def test_dictionary_recovery_of_the_atoms_is_one_whatever_order_sign_scale_and_company():
    atoms = normal(6, 4)
    atoms /= np.linalg.norm(atoms, axis=0)
    decoder = np.column_stack([atoms[:, ::-1] * [3, -0.1, 1e-20, 1], normal(6, 3, seed=1), np.zeros(6)])
    assert value("dictionary_recovery", decoder, atoms) == pytest.approx(1)


def test_dictionary_recovery_is_the_mean_of_the_best_cosines():
    assert value("dictionary_recovery", [[3, 0], [4, 0]], np.eye(2)) == pytest.approx((0.6 + 0.8) / 2)


def test_dictionary_recovery_counts_atoms_not_columns():
    assert value("dictionary_recovery", [[1, 1], [0, 0]], np.eye(2)) == pytest.approx(1 / 2)
    assert value("dictionary_recovery", [[1], [1]], np.eye(2)) == pytest.approx(np.sqrt(0.5))


def test_dictionary_recovery_of_a_zero_decoder_is_zero():
    assert value("dictionary_recovery", np.zeros((2, 3)), np.eye(2)) == 0


# jacobian_norm, elbo, kl


@pytest.mark.parametrize(("name", "matrix"), [("jacobian_norm", "jacobian"), ("elbo", "elbo"), ("kl", "kl")])
def test_column_is_averaged_in_double_precision(name, matrix):
    column = np.full((4096, 1), 0.1, dtype=np.float32)
    assert observe({matrix: column})[name] == pytest.approx(float(np.float32(0.1)), rel=1e-12)
    assert observe({matrix: np.array([[1.0], [4.0]])})[name] == 2.5
    assert observe({matrix: np.array([[1.0], [np.nan]])})[name] is None


def test_jacobian_norm_of_a_linear_code_is_the_squared_norm_of_the_encoder():
    encoder = normal(3, 5)
    assert value("jacobian_norm", np.full((7, 1), (encoder**2).sum())) == pytest.approx((encoder**2).sum(), rel=1e-6)


# pooled_localization


def test_pooled_localization_of_rows_of_one_norm_is_localization():
    rows = normal(6, 9)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    for scale in (1e-12, 1, 1e12):
        assert value("pooled_localization", scale * rows) == pytest.approx(value("localization", rows), rel=1e-5)


def test_pooled_localization_weighs_rows_by_their_squared_power():
    # Rows (2, 0) and (1, 1): fourth powers 16 + 2, squared powers 16 + 4.
    assert value("pooled_localization", [[2, 0], [1, 1]]) == pytest.approx(18 / 20)


def test_pooled_localization_ignores_zero_rows():
    rows = normal(3, 4)
    padded = np.vstack([rows, np.zeros((2, 4))])
    assert value("pooled_localization", padded) == pytest.approx(value("pooled_localization", rows))


def test_pooled_localization_of_a_zero_matrix_is_not_a_number():
    assert np.isnan(value("pooled_localization", np.zeros((2, 3))))
    assert observe({"encoder": np.zeros((2, 3))})["pooled_localization"] is None


def test_pooled_localization_of_random_wide_and_tall_maps_is_that_of_a_rotation():
    for rows in (normal(40, 400), normal(400, 40)):
        assert value("pooled_localization", rows) == pytest.approx(3 / (rows.shape[1] + 2), rel=0.1)


# all


@pytest.mark.parametrize("name", CODE)
def test_code_with_one_bad_entry_has_no_value(name):
    code = CUBE.astype(float)
    code[2, 1] = np.nan
    assert observe({"code": code})[name] is None


@pytest.mark.parametrize("name", CODE)
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
def test_code_of_zeros_has_a_value_or_none_and_warns_of_nothing(name, shape, recwarn):
    found = value(name, np.zeros(shape))
    assert np.isnan(found) or observables[name].range.holds(found)
    assert not recwarn.list
