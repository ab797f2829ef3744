import numpy as np
import pytest
from scipy import stats

from explorer.theory import (
    critical_sparsity,
    first_absolute_moment,
    gaussian_loss,
    identity_loss,
    tie_broken_identity_loss,
)
from explorer.theory.sparse import BASES

# (base, shape, an independent unit-variance law)
LAWS = [
    ("gaussian", None, stats.norm()),
    ("uniform", None, stats.uniform(-np.sqrt(3), 2 * np.sqrt(3))),
    ("laplace", None, stats.laplace(scale=1 / np.sqrt(2))),
    *(
        ("generalized_gaussian", shape, stats.gennorm(shape, scale=1 / stats.gennorm(shape).std()))
        for shape in (0.5, 1, 1.5, 2, 3, 4, 8, 30)
    ),
]


@pytest.mark.parametrize(("base", "shape", "law"), LAWS, ids=[f"{b}-{s}" for b, s, _ in LAWS])
def test_first_absolute_moment_agrees_with_quadrature(base, shape, law):
    quadrature = 2 * law.expect(lambda g: g, lb=0, ub=law.support()[1])
    assert first_absolute_moment(base, shape) == pytest.approx(quadrature, rel=1e-6)


@pytest.mark.parametrize(
    ("base", "moment"),
    [("rademacher", 1), ("gaussian", np.sqrt(2 / np.pi)), ("uniform", np.sqrt(3) / 2), ("laplace", 1 / np.sqrt(2))],
)
def test_first_absolute_moment_has_its_closed_form(base, moment):
    assert first_absolute_moment(base) == pytest.approx(moment, rel=1e-12)


@pytest.mark.parametrize(("shape", "base"), [(1, "laplace"), (2, "gaussian")])
def test_generalized_gaussian_contains_laplace_and_gaussian(shape, base):
    assert first_absolute_moment("generalized_gaussian", shape) == pytest.approx(first_absolute_moment(base))


def test_generalized_gaussian_tends_to_the_uniform():
    assert first_absolute_moment("generalized_gaussian", 1e5) == pytest.approx(
        first_absolute_moment("uniform"), rel=1e-4
    )


@pytest.mark.parametrize(
    ("base", "critical"),
    [("rademacher", 0.6366), ("uniform", 0.8488), ("gaussian", 1), ("laplace", 4 / np.pi)],
)
def test_critical_sparsity_of_a_base(base, critical):
    assert critical_sparsity(base) == pytest.approx(critical, abs=1e-4)


@pytest.mark.parametrize(("shape", "critical"), [(1.5, 1.081), (3, 0.930), (4, 0.900), (8, 0.865)])
def test_critical_sparsity_of_the_generalized_gaussian(shape, critical):
    assert critical_sparsity("generalized_gaussian", shape) == pytest.approx(critical, abs=5e-4)


@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("base", ["rademacher", "uniform", "gaussian"])
def test_losses_are_equal_at_the_critical_sparsity_at_any_rate(base, rate):
    assert float(identity_loss(rate, critical_sparsity(base), base)) == pytest.approx(float(gaussian_loss(rate)))


def test_identity_beats_the_rotation_only_beyond_the_critical_sparsity():
    sparsity = np.array([0.5, 0.63, 0.64, 0.9])
    np.testing.assert_array_equal(identity_loss(1.0, sparsity) < gaussian_loss(1.0), [False, False, True, True])


def test_dense_rademacher_is_stored_exactly_at_rate_one():
    assert float(identity_loss(1.0, 1.0, "rademacher")) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("base", ["rademacher", "uniform", "laplace", "gaussian"])
def test_identity_loss_agrees_with_simulation(base):
    generator = np.random.default_rng(1)
    sparsity, size = 0.6, 400_000
    draw = {
        "rademacher": generator.choice([-1.0, 1.0], size),
        "uniform": generator.uniform(-np.sqrt(3), np.sqrt(3), size),
        "laplace": generator.laplace(scale=1 / np.sqrt(2), size=size),
        "gaussian": generator.standard_normal(size),
    }[base]
    x = np.where(generator.random(size) < sparsity, draw, 0) / np.sqrt(sparsity)
    code = np.where(x == 0, generator.choice([-1.0, 1.0], size), np.sign(x))
    best = (x @ code) / size
    assert float(identity_loss(1.0, sparsity, base)) == pytest.approx(np.mean((x - best * code) ** 2), abs=0.01)


def test_identity_loss_is_unknown_beyond_rate_one():
    np.testing.assert_array_equal(np.isnan(identity_loss([0.5, 1, 1.0001], 0.5)), [False, False, True])


@pytest.mark.parametrize(
    ("base", "shape"), [("cauchy", None), ("generalized_gaussian", None), ("generalized_gaussian", -1)]
)
def test_unknown_base_is_refused_with_the_known_ones(base, shape):
    with pytest.raises(ValueError, match=f"{base}.*expected one of {', '.join(BASES)}"):
        first_absolute_moment(base, shape)


def test_tie_broken_identity_beats_the_exact_one_except_on_dense_data():
    sparsity = np.linspace(0.01, 0.99, 20)
    assert (tie_broken_identity_loss(0.5, sparsity) < identity_loss(0.5, sparsity)).all()
    assert float(tie_broken_identity_loss(0.5, 1.0)) == pytest.approx(float(identity_loss(0.5, 1.0)))


@pytest.mark.parametrize("rate", [0.25, 1.0])
def test_tie_broken_identity_meets_the_rotation_at_two_minus_half_pi(rate):
    assert float(tie_broken_identity_loss(rate, 2 - np.pi / 2)) == pytest.approx(float(gaussian_loss(rate)))


def test_tie_broken_identity_has_the_known_value():
    assert float(tie_broken_identity_loss(1.0, 0.4)) == pytest.approx(0.371, abs=5e-4)
    assert np.isnan(tie_broken_identity_loss(1.5, 0.4))


def test_tie_broken_identity_loss_agrees_with_simulation():
    generator = np.random.default_rng(2)
    sparsity, d, size = 0.4, 100, 20_000
    rotation = np.linalg.qr(generator.standard_normal((d, d)))[0]
    x = np.where(generator.random((size, d)) < sparsity, generator.choice([-1.0, 1.0], (size, d)), 0) / sparsity**0.5
    code = np.sign(x @ (np.eye(d) + 1e-6 * (rotation - rotation.T)).T)
    decoder = np.linalg.lstsq(code, x, rcond=None)[0]
    assert float(tie_broken_identity_loss(1.0, sparsity)) == pytest.approx(
        np.mean((x - code @ decoder) ** 2), abs=0.015
    )
