import numpy as np
import pytest
from scipy import integrate, special, stats

from explorer.theory import activation_factor, gaussian_loss
from explorer.theory.gaussian import ODD_ACTIVATIONS

FUNCTIONS = {"sign": np.sign, "tanh": np.tanh, "erf": special.erf, "identity": lambda u: u}


def expectation(function):
    """E f(g), g ~ N(0, 1), for an even f: adaptive quadrature over the half line."""
    return 2 * integrate.quad(lambda g: function(g) * stats.norm.pdf(g), 0, 12, epsabs=1e-13, limit=200)[0]


@pytest.mark.parametrize(
    ("activation", "value"),
    [("sign", np.pi / 2), ("tanh", 1.0747258), ("erf", 1.5 * np.arcsin(2 / 3)), ("identity", 1.0)],
)
def test_activation_factor_has_the_known_value(activation, value):
    assert activation_factor(activation) == pytest.approx(value, abs=5e-8)


@pytest.mark.parametrize("activation", ODD_ACTIVATIONS)
def test_activation_factor_agrees_with_quadrature(activation):
    sigma = FUNCTIONS[activation]
    expected = expectation(lambda g: sigma(g) ** 2) / expectation(lambda g: g * sigma(g)) ** 2
    assert activation_factor(activation) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("activation", ODD_ACTIVATIONS)
def test_function_has_the_factor_of_its_name(activation):
    assert activation_factor(FUNCTIONS[activation]) == pytest.approx(activation_factor(activation), rel=1e-10)


def test_any_odd_function_has_a_factor_and_a_loss():
    assert activation_factor(lambda u: special.erf(u / np.sqrt(2))) == pytest.approx(np.pi / 3, rel=1e-12)
    assert activation_factor(lambda u: u**3) == pytest.approx(15 / 9, rel=1e-12)
    assert float(gaussian_loss(0.5, lambda u: u**3)) == pytest.approx(1 - 0.5 * 9 / 15)


@pytest.mark.parametrize("function", [lambda u: np.maximum(u, 0), np.cos, lambda u: 0 * u])
def test_function_that_is_not_odd_is_refused(function):
    with pytest.raises(ValueError, match="odd function"):
        activation_factor(function)


@pytest.mark.parametrize("activation", ["relu", "Sign", ""])
def test_activation_that_is_not_odd_is_refused_with_those_that_are(activation):
    with pytest.raises(ValueError, match="expected one of sign, tanh, erf, identity"):
        activation_factor(activation)


@pytest.mark.parametrize(("rate", "loss"), [(0.5, 0.68169), (0.8, 0.49070), (1, 0.36338), (0.2, 0.87268), (2, 0.22203)])
def test_sign_loss_has_the_known_value(rate, loss):
    assert float(gaussian_loss(rate)) == pytest.approx(loss, abs=5e-6)


@pytest.mark.parametrize("activation", ODD_ACTIVATIONS)
def test_loss_is_continuous_at_rate_one(activation):
    below, at, above = gaussian_loss([1 - 1e-9, 1, 1 + 1e-9], activation)
    assert below == pytest.approx(at, abs=1e-8)
    assert above == pytest.approx(at, abs=1e-8)
    assert at == pytest.approx(1 - 1 / activation_factor(activation))


@pytest.mark.parametrize("activation", ODD_ACTIVATIONS)
def test_loss_falls_from_one_and_stays_within_the_unit_interval(activation):
    losses = gaussian_loss(np.linspace(1e-6, 50, 400), activation)
    assert losses[0] == pytest.approx(1, abs=1e-5)
    assert (np.diff(losses) <= 1e-15).all()
    assert ((losses >= -1e-12) & (losses <= 1)).all()


def test_linear_code_keeps_exactly_the_coordinates_it_has():
    np.testing.assert_allclose(gaussian_loss([0.25, 0.5, 1, 2], "identity"), [0.75, 0.5, 0, 0], atol=1e-12)


def test_sign_loss_vanishes_slowly_for_large_rates():
    assert float(gaussian_loss(1e6)) == pytest.approx((np.pi / 2 - 1) * 1e-6, rel=1e-5)


def test_no_code_beats_shannon():
    rates = np.linspace(0.05, 8, 100)
    assert (gaussian_loss(rates) > 2 ** (-2 * rates)).all()


def exact_risk(rows):
    """Risk of a sign code with these unit rows and the best decoder: 1 - Tr[G asin(G)^-1] / d, G = B B^T."""
    gram = np.clip(rows @ rows.T, -1, 1)
    np.fill_diagonal(gram, 1)
    return 1 - np.trace(gram @ np.linalg.inv(np.arcsin(gram))) / rows.shape[1]


@pytest.mark.parametrize("rate", [0.5, 1.0])
def test_orthonormal_rows_reach_the_sign_loss_and_random_rows_do_not(rate):
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((int(40 * rate), 40))
    orthonormal = np.linalg.qr(rows.T)[0].T
    random = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert exact_risk(orthonormal) == pytest.approx(float(gaussian_loss(rate)), abs=1e-6)
    assert exact_risk(random) > float(gaussian_loss(rate)) + 0.01


def test_tight_frame_nears_the_sign_loss_beyond_rate_one():
    generator = np.random.default_rng(0)
    halves = [np.linalg.qr(generator.standard_normal((200, 200)))[0] for _ in range(2)]
    limit = float(gaussian_loss(2.0))
    assert limit < exact_risk(np.vstack(halves)) < limit + 0.01
