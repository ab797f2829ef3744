import numpy as np
import pytest
from scipy import stats

from explorer.theory import pca_loss, ppca_log_likelihood


def test_pca_discards_the_smallest_eigenvalues():
    np.testing.assert_allclose(pca_loss([1, 4, 3, 2], [0, 0.25, 0.5, 0.75, 1, 2]), [2.5, 1.5, 0.75, 0.25, 0, 0])


def test_pca_loss_is_that_of_a_projection():
    generator = np.random.default_rng(0)
    eigenvalues = generator.exponential(size=6)
    vectors = np.linalg.qr(generator.standard_normal((6, 6)))[0]
    covariance = vectors @ np.diag(eigenvalues) @ vectors.T
    kept = np.linalg.eigh(covariance)[1][:, -2:]
    rest = np.eye(6) - kept @ kept.T
    assert float(pca_loss(eigenvalues, 1 / 3)) == pytest.approx(np.trace(rest @ covariance @ rest) / 6)


@pytest.mark.parametrize("n", [0, 1, 3, 5, 6])
def test_probabilistic_pca_has_the_likelihood_of_its_gaussian(n):
    eigenvalues = np.array([5, 3, 2, 1, 0.5, 0.25])
    noise = eigenvalues[n:].mean() if n < 6 else 1.0
    model = np.concatenate([eigenvalues[:n], np.full(6 - n, noise)])
    expected = sum(stats.norm.logpdf(0, scale=m**0.5) - e / (2 * m) for m, e in zip(model, eigenvalues, strict=True))
    assert float(ppca_log_likelihood(eigenvalues, n / 6)) == pytest.approx(expected / 6)


def test_more_factors_never_fit_worse():
    assert (np.diff(ppca_log_likelihood([5, 3, 2, 1], np.arange(5) / 4)) >= -1e-12).all()
    assert float(ppca_log_likelihood([1, 0], 0.5)) == np.inf


@pytest.mark.parametrize(("eigenvalues", "rate"), [([], 0.5), ([-1.0], 0.5), ([np.nan], 0.5), ([1.0], -0.5)])
def test_arguments_outside_the_domain_are_refused(eigenvalues, rate):
    with pytest.raises(ValueError, match=r"expected|outside"):
        pca_loss(eigenvalues, rate)
