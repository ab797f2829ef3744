import numpy as np
import pytest
import torch
from torch.func import jacrev, vmap

from explorer.architectures import architectures
from explorer.cells import Cell
from explorer.errors import StudyError
from explorer.training.draws import uniforms, words
from tests.architectures.packs import observed, spectrum, train

ANISOTROPIC = {
    "source": "gaussian", "spectrum": "power_law", "dimension": 16, "rate": 0.5, "architecture": "contractive",
    "learning_rate": 0.01, "evaluation_samples": 4096,
}  # fmt: skip
ACTIVATIONS = ("relu", "tanh", "gelu", "elu", "sigmoid", "identity")


def start(hidden, activation, jacobian):
    model = architectures["contractive"](10, 3, hidden=hidden, activation=activation, jacobian=jacobian)
    model.initialise("random", torch.Generator().manual_seed(0))
    return model


@pytest.mark.parametrize("hidden", ["", "7", "9-6"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_exact_penalty_is_the_squared_norm_of_the_jacobian(hidden, activation):
    model, x = start(hidden, activation, "exact"), torch.randn(20, 10, generator=torch.Generator().manual_seed(1))
    jacobian = vmap(jacrev(lambda one: model.code(one[None])[0]))(x)
    found = model.squared_jacobian(model.preactivations(x), torch.zeros(20, 0))
    assert torch.allclose(found, jacobian.square().sum(dim=(1, 2)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("hidden", ["", "9-6"])
def test_random_signs_give_the_exact_penalty_in_expectation(hidden):
    x = torch.randn(1, 10, generator=torch.Generator().manual_seed(1)).expand(20000, 10)
    exact, estimate = (start(hidden, "tanh", jacobian) for jacobian in ("exact", "hutchinson"))
    expected = exact.squared_jacobian(exact.preactivations(x[:1]), torch.zeros(1, 0))
    found = estimate.squared_jacobian(estimate.preactivations(x), uniforms(words([0], "noise", [0], 60000)[0], 3))
    assert found.std() > 0
    assert found.mean().item() == pytest.approx(expected.item(), abs=4 * found.std().item() / 20000**0.5)


def test_auto_is_exact_for_one_layer_and_estimated_for_several():
    assert [start(hidden, "tanh", "auto").noise_width for hidden in ("", "7")] == [0, 3]
    assert [start(hidden, "tanh", "exact").noise_width for hidden in ("", "7")] == [0, 0]


@pytest.mark.parametrize(("hidden", "activation"), [("", "sigmoid"), ("", "relu"), ("24", "tanh")])
def test_a_heavier_penalty_shrinks_the_jacobian_at_a_higher_loss(hidden, activation):
    results = train(
        *[{"penalty_weight": w} for w in (0.0, 1.0, 5.0)],
        **ANISOTROPIC, hidden=hidden, activation=activation, steps=400,
    )  # fmt: skip
    assert all(np.diff([observed(result)["jacobian_norm"] for result in results]) < 0)
    assert all(np.diff([result.loss for result in results]) > 0)


def test_a_deep_one_ends_at_the_same_place_by_either_jacobian():
    exact, estimate = (
        train(**ANISOTROPIC, hidden="24", penalty_weight=3.0, steps=600, jacobian=jacobian)[0]
        for jacobian in ("exact", "hutchinson")
    )
    assert estimate.loss == pytest.approx(exact.loss, rel=0.02)
    assert observed(estimate)["jacobian_norm"] == pytest.approx(observed(exact)["jacobian_norm"], rel=0.05)


def test_a_linear_one_shrinks_each_principal_axis_as_in_closed_form():
    """λ_i (1 − s²)² + w s² is least at s² = 1 − w/(2λ_i), or at 0 where that is negative."""
    weights = (0.3, 1.0, 3.0)
    results = train(
        *[{"penalty_weight": w} for w in weights], **{**ANISOTROPIC, "evaluation_samples": 16384},
        activation="identity", steps=1000,
    )  # fmt: skip
    for result, weight in zip(results, weights, strict=True):
        values, _ = spectrum(result.probe["covariance"])
        squares = np.where(np.arange(16) < 8, np.maximum(0, 1 - weight / (2 * values)), 0)
        assert observed(result)["jacobian_norm"] == pytest.approx(squares.sum(), rel=0.02)
        assert result.loss == pytest.approx((values * (1 - squares) ** 2).mean(), rel=0.02)


def test_one_code_unit_trains_at_any_depth():
    for hidden in ("", "3-2"):
        for jacobian in ("exact", "hutchinson"):
            given = {**ANISOTROPIC, "rate": 0.05, "evaluation_samples": 64}
            (result,) = train(**given, hidden=hidden, jacobian=jacobian, steps=10)
            assert result.probe["code"].shape == (64, 1)
    assert architectures["contractive"](8, 2).minimizer()["encoder"].shape == (2, 8)


def test_the_weights_are_tied():
    (result,) = train(**ANISOTROPIC, steps=10)
    np.testing.assert_array_equal(result.minimizer["decoder"], result.minimizer["encoder"].T)


@pytest.mark.parametrize("settings", [{"penalty_weight": -1.0}, {"jacobian": "approximate"}, {"activation": "sign"}])
def test_values_outside_their_domains_are_refused(settings):
    with pytest.raises(StudyError, match='architecture "contractive"'):
        Cell.of(**ANISOTROPIC, **settings)
