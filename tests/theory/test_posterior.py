import itertools
import time

import numpy as np
import pytest
from scipy import integrate, stats

from explorer.theory import mmse, posterior_mean, posterior_variance
from explorer.theory.sparse import BASES
from tests.theory.test_sparse import LAWS

SOURCES = [(base, None) for base in BASES[:4]] + [("generalized_gaussian", shape) for shape in (0.5, 1.5, 8.0, 64.0)]
DENSITIES = [law for law in LAWS if law[1] in (None, 0.5, 1.5, 8)]


def by_quadrature(y, gamma, sparsity, law):
    """Posterior mean by adaptive quadrature over the base."""
    end = min(law.support()[1], law.isf(1e-14))
    centre, reach = y * sparsity**0.5, 10 * (sparsity / gamma) ** 0.5
    breaks = np.unique(np.clip([-end, centre - reach, centre, centre + reach, -1e-3, 0, 1e-3, end], -end, end))

    def moment(power):
        def f(g):
            x = g / sparsity**0.5
            return x**power * law.pdf(g) * stats.norm.pdf(y - x, scale=gamma**-0.5)

        return sum(integrate.quad(f, a, b, epsabs=1e-13, limit=200)[0] for a, b in itertools.pairwise(breaks))

    zero = (1 - sparsity) * stats.norm.pdf(y, scale=gamma**-0.5)
    return sparsity * moment(1) / (zero + sparsity * moment(0))


@pytest.mark.parametrize(("base", "shape", "law"), DENSITIES, ids=[f"{b}-{s}" for b, s, _ in DENSITIES])
@pytest.mark.parametrize(("gamma", "sparsity"), [(0.5, 1.0), (4.0, 0.2)])
def test_posterior_mean_agrees_with_adaptive_quadrature(base, shape, law, gamma, sparsity):
    for y in (0.05, 0.8, 2.5):
        expected = by_quadrature(y, gamma, sparsity, law)
        assert float(posterior_mean(y, gamma, sparsity, base, shape)) == pytest.approx(expected, rel=1e-6)


def test_rademacher_mean_is_its_closed_form():
    y, p, gamma = np.linspace(-3, 3, 13), 0.3, 2.0
    a = p**-0.5
    up, down, zero = (np.exp(-gamma * (y - x) ** 2 / 2) for x in (a, -a, 0))
    expected = a * p / 2 * (up - down) / (p / 2 * (up + down) + (1 - p) * zero)
    np.testing.assert_allclose(posterior_mean(y, gamma, p), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("base", "shape"), SOURCES)
@pytest.mark.parametrize("sparsity", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("gamma", [1e-3, 1.0, 1e4])
def test_posterior_is_odd_finite_monotone_and_its_slope_is_the_variance(base, shape, sparsity, gamma):
    noise = gamma**-0.5
    y = np.linspace(-40, 40, 801) * max(noise, 1)
    mean, variance = (f(y, gamma, sparsity, base, shape) for f in (posterior_mean, posterior_variance))
    assert np.isfinite(mean).all()
    assert np.isfinite(variance).all()
    assert (variance >= 0).all()
    np.testing.assert_allclose(mean, -mean[::-1], rtol=1e-9, atol=1e-12)
    assert (np.diff(mean) >= -1e-9 * np.abs(mean[1:])).all()
    at, h = np.linspace(0.01, 4, 7) * sparsity**-0.5, 1e-4 * min(noise, 1)
    slope = (
        posterior_mean(at + h, gamma, sparsity, base, shape) - posterior_mean(at - h, gamma, sparsity, base, shape)
    ) / 2
    np.testing.assert_allclose(
        slope / h / gamma, posterior_variance(at, gamma, sparsity, base, shape), rtol=1e-4, atol=2e-6
    )


@pytest.mark.parametrize(("twin", "shape"), [("laplace", 1.0), ("gaussian", 2.0)])
def test_quadrature_of_the_family_meets_its_closed_members(twin, shape):
    y = np.linspace(0, 60, 301)
    for gamma, p in ((0.01, 0.01), (1.0, 0.1), (1e4, 1.0)):
        np.testing.assert_allclose(
            posterior_mean(y, gamma, p, "generalized_gaussian", shape), posterior_mean(y, gamma, p, twin), rtol=1e-7, atol=1e-12
        )  # fmt: skip
        assert float(mmse(gamma, p, "generalized_gaussian", shape)) == pytest.approx(
            float(mmse(gamma, p, twin)), rel=1e-7
        )


@pytest.mark.parametrize(("base", "shape"), [("laplace", None), ("uniform", None), ("generalized_gaussian", 1.5)])
def test_thousands_of_points_take_milliseconds(base, shape):
    y = np.linspace(-10, 10, 2000)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        posterior_mean(y, 1.0, 0.1, base, shape)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5


@pytest.mark.parametrize(("base", "shape"), SOURCES)
def test_mmse_agrees_with_simulation(base, shape):
    generator = np.random.default_rng(4)
    size, p, gamma = 20_000, 0.5, 2.0
    law = next((law for b, s, law in LAWS if (b, s) == (base, shape)), None)
    if base == "rademacher":
        draws = generator.choice([-1.0, 1.0], size)
    elif law is None:
        draws = stats.gennorm(shape, scale=1 / stats.gennorm(shape).std()).rvs(size, random_state=generator)
    else:
        draws = law.rvs(size, random_state=generator)
    x = np.where(generator.random(size) < p, draws, 0) / np.sqrt(p)
    seen = x + generator.standard_normal(size) / np.sqrt(gamma)
    error = (x - posterior_mean(seen, gamma, p, base, shape)) ** 2
    assert float(mmse(gamma, p, base, shape)) == pytest.approx(error.mean(), abs=5 * error.std() / np.sqrt(size))


@pytest.mark.parametrize(("base", "shape"), SOURCES)
def test_mmse_falls_from_one_and_beats_the_linear_estimate(base, shape):
    gammas = np.array([0, 1e-4, 0.01, 0.1, 1, 10, 100, 1e4, np.inf])
    for p in (0.01, 0.5, 1.0):
        values = mmse(gammas, p, base, shape)
        assert values[0] == 1
        assert values[-1] == 0
        assert (np.diff(values) <= 0).all()
        assert (values <= 1 / (1 + gammas) + 1e-9).all()


def test_mmse_of_the_dense_gaussian_is_linear():
    gammas = np.geomspace(1e-4, 1e4, 9)
    np.testing.assert_allclose(mmse(gammas, 1.0, "gaussian"), 1 / (1 + gammas), rtol=1e-12)


def test_mmse_broadcasts():
    assert mmse([1.0, 2.0], [[0.1], [0.2], [1.0]]).shape == (3, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, 0.0), "outside"),
        ((1.0, 1.5), "outside"),
        ((-1.0, 0.5), "gamma"),
        ((1.0, 0.5, "cauchy"), "expected one of"),
        ((1.0, 0.5, "generalized_gaussian"), "positive shape"),
    ],
)
def test_arguments_outside_the_domain_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        posterior_mean([0.0], *arguments)
    with pytest.raises(ValueError, match=message):
        mmse(*arguments)
