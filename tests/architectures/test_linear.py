"""The linear autoencoder against principal components."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from explorer.datasets import matrices
from tests.architectures.packs import observed, spectrum, train

LONG = {"architecture": "linear", "steps": 800, "batch": 128, "learning_rate": 0.01, "evaluation_samples": 8192}


@pytest.mark.parametrize("tied", [False, True])
def test_loss_is_the_sum_of_the_discarded_eigenvalues(tied):
    source = {"source": "gaussian", "spectrum": "power_law", "exponent": 1.0, "dimension": 24}
    for result in train({"rate": 0.25}, **source, **LONG, tied=tied):
        values, _ = spectrum(result.probe["covariance"])
        assert result.loss == pytest.approx(values[6:].sum() / 24, rel=0.03)
        assert observed(result)["pca_loss"] == pytest.approx(values[6:].sum() / 24, rel=1e-5)
        assert observed(result)["subspace_distance"] < 0.01


def test_on_digits_it_is_scikit_learns_pca_on_the_same_images():
    images = matrices("digits")
    for n in (4, 12):
        result = train(source="images", **LONG, rate=n / 64)[0]
        fitted = PCA(n).fit(images.train)
        left = images.test - fitted.inverse_transform(fitted.transform(images.test))
        assert result.loss == pytest.approx(np.square(left).mean(), rel=0.01)
        assert observed(result)["pca_loss"] == pytest.approx(np.square(left).mean(), rel=1e-3)


def test_tied_minimizers_have_orthonormal_rows():
    result = train(source="gaussian", spectrum="power_law", dimension=16, rate=0.25, tied=True, **LONG)[0]
    encoder = result.minimizer["encoder"]
    np.testing.assert_allclose(encoder @ encoder.T, np.eye(4), atol=0.05)


def test_a_full_code_loses_nothing():
    assert train(source="gaussian", dimension=12, rate=1.0, **LONG)[0].loss < 1e-4
