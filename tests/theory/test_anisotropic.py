import numpy as np
import pytest

from explorer.theory import anisotropic_allocation, anisotropic_loss, gaussian_loss, reverse_waterfilling
from explorer.theory.gaussian import ODD_ACTIVATIONS


def test_losses_have_the_known_values():
    assert float(anisotropic_loss([4, 0.25], 1)) == pytest.approx(0.5678, abs=5e-5)
    assert float(anisotropic_loss([9, 1], 0.5, shares=[0.25, 0.75])) == pytest.approx(1.2268, abs=5e-5)
    assert float(anisotropic_loss([9, 1, 1, 1], 0.5)) == pytest.approx(1.2268, abs=5e-5)


@pytest.mark.parametrize("activation", ODD_ACTIVATIONS)
def test_equal_eigenvalues_are_the_isotropic_source(activation):
    rates = [0, 1e-3, 0.5, 1, 2, 10]
    np.testing.assert_allclose(
        anisotropic_loss([2, 2, 2], rates, activation), 2 * gaussian_loss(rates, activation), atol=1e-9
    )


def test_orthonormal_rows_are_not_better():
    values = np.array([4, 0.25])
    assert float(anisotropic_loss(values, 1)) < float(np.mean(values * (1 - 2 / np.pi)))


def test_loss_falls_with_the_rate_and_stays_above_shannon():
    rates, values = np.linspace(0, 4, 41), [5, 1, 0.2, 0]
    losses = anisotropic_loss(values, rates)
    assert losses[0] == pytest.approx(np.mean(values))
    assert (np.diff(losses) < 0).all()
    assert (losses >= reverse_waterfilling(values, rates) - 1e-12).all()


def test_no_spectrum_of_rows_does_better():
    generator = np.random.default_rng(0)
    values, excess, rate = np.array([9, 4, 1, 0.5]), np.pi / 2 - 1, 1.5
    s = generator.dirichlet(np.ones(4), size=20_000) * 4 * rate
    tried = values.mean() - (values * s / (s + excess)).mean(axis=1)
    best = float(anisotropic_loss(values, rate))
    assert best <= tried.min()
    assert tried.min() < best + 0.05


def test_arguments_outside_the_domain_are_refused():
    with pytest.raises(ValueError, match="outside"):
        anisotropic_loss([1], -1)
    with pytest.raises(ValueError, match="shares"):
        anisotropic_loss([1, 2], 1, shares=[1])


@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0, 1.7])
def test_allocation_is_what_the_loss_is_made_of(rate):
    values, shares, excess = np.array([0.5, 9, 1]), np.array([0.5, 0.2, 0.3]), np.pi / 2 - 1
    s = anisotropic_allocation(values, rate, shares=shares)
    assert shares @ s == pytest.approx(rate)
    assert s[1] > s[2] > s[0] or s[0] == 0
    if rate >= 1:
        kept = s / (s + excess)
        assert shares @ (values * (1 - kept)) == pytest.approx(float(anisotropic_loss(values, rate, shares=shares)))


def test_allocation_of_equal_eigenvalues_is_even():
    np.testing.assert_allclose(anisotropic_allocation([2, 2, 2, 2], 1.5), 1.5)
    np.testing.assert_allclose(anisotropic_allocation([4, 1], 0.5), [1, 0], atol=1e-9)
