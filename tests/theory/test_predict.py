import math

import pytest

from explorer.theory import predicted_boundary, predicted_limits, predicted_losses

CELL = {
    "source": "sparse",
    "base": "rademacher",
    "architecture": "two_layer",
    "activation": "sign",
    "sparsity": 0.8,
    "rate": 1.0,
}


def test_boundary_of_the_sparse_rademacher_source_is_two_over_pi():
    assert predicted_boundary("sparsity", CELL) == pytest.approx(2 / math.pi)


def test_boundary_of_the_gaussian_base_is_the_dense_end():
    assert predicted_boundary("sparsity", {**CELL, "base": "gaussian"}) == pytest.approx(1)


@pytest.mark.parametrize(
    "change",
    [
        {"base": "laplace"},
        {"base": "generalized_gaussian", "shape": 1.5},
        {"base": "generalized_gaussian"},
        {"base": "generalized_gaussian", "shape": math.nan},
        {"base": None},
        {"base": "mine"},
        {"rate": 1.5},
        {"rate": None},
        {"activation": "tanh"},
        {"source": "gaussian"},
        {"architecture": "deep"},
    ],
    ids=str,
)
def test_no_boundary_is_predicted_where_no_formula_is_known(change):
    assert predicted_boundary("sparsity", {**CELL, **change}) is None


def test_no_boundary_is_predicted_along_another_axis():
    assert predicted_boundary("rate", CELL) is None


def test_losses_of_both_phases_come_with_their_names():
    losses = predicted_losses(CELL)
    tie_broken = 0.2 - 0.2**2 * 2 / math.pi
    assert losses == pytest.approx({"rotation": 1 - 2 / math.pi, "identity": 0.2, "tie-broken identity": tie_broken})


def test_rate_that_was_trained_counts_not_the_one_asked_for():
    losses = predicted_losses({**CELL, "rate": 0.33, "dimension": 10, "code_dimension": 3})
    assert losses["identity"] == pytest.approx(1 - 0.3 * 0.8)


def test_missing_code_dimension_of_a_table_falls_back_to_the_rate():
    losses = predicted_losses({**CELL, "dimension": 10, "code_dimension": math.nan})
    assert losses["identity"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("change", "phases"),
    [
        ({"source": "gaussian"}, {"rotation"}),
        ({"source": "gaussian", "activation": "tanh"}, {"rotation"}),
        ({"activation": "tanh"}, set()),
        ({"activation": "relu"}, set()),
        ({"rate": 1.5}, {"rotation"}),
        ({"sparsity": None}, {"rotation"}),
        ({"base": None}, {"rotation"}),
        ({"base": "mine"}, {"rotation"}),
        ({"rate": None}, set()),
        ({"architecture": None}, set()),
        ({"source": "images"}, set()),
    ],
    ids=str,
)
def test_losses_are_predicted_only_where_a_formula_is_known(change, phases):
    assert set(predicted_losses({**CELL, **change})) == phases


@pytest.mark.parametrize("unlike", [{"weight_bits": 2.0}, {"samples": 100.0}, {"distortion": "cross_entropy"}])
def test_nothing_is_predicted_of_cells_that_the_formulas_do_not_have(unlike):
    settings = {"source": "sparse", "architecture": "two_layer", "activation": "sign", "sparsity": 0.5, "rate": 0.5,
                "base": "rademacher"}  # fmt: skip
    assert predicted_losses(settings)
    assert predicted_limits({**settings, "samples": float("inf"), "weight_bits": float("nan")})
    assert predicted_losses({**settings, **unlike}) == {}
    assert predicted_limits({**settings, **unlike}) == {}


def test_only_the_isotropic_gaussian_has_a_rotation_line():
    settings = {"source": "gaussian", "architecture": "two_layer", "activation": "sign", "rate": 0.5}
    assert predicted_losses({**settings, "spectrum": "isotropic"})
    assert predicted_losses({**settings, "spectrum": "power_law"}) == {}


def test_no_boundary_is_predicted_of_rounded_weights():
    assert predicted_boundary("sparsity", CELL) is not None
    assert predicted_boundary("sparsity", {**CELL, "weight_bits": 1.0}) is None


@pytest.mark.parametrize("unlike", [{"denoiser": "tanh"}, {"init": "identity"}])
def test_a_decoder_has_the_limit_only_with_the_posterior_mean_from_a_random_start(unlike):
    settings = {**CELL, "architecture": "denoiser", "denoiser": "bayes", "init": "random", "activation": None}
    assert predicted_limits(settings)["loss"] == predicted_limits(settings)["denoiser"]
    assert "loss" not in predicted_limits({**settings, **unlike})
