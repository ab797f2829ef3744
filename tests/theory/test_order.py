"""What holds between the predictions, whatever their values."""

import numpy as np
import pytest

from explorer.theory import denoiser_loss, gaussian_loss, mixed_loss, multilayer_loss, rate_distortion


@pytest.mark.parametrize("sparsity", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("rate", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("base", ["rademacher", "gaussian", "laplace", "uniform"])
def test_each_richer_decoder_loses_less_and_none_passes_shannon(base, rate, sparsity):
    limit, error = rate_distortion(rate, sparsity, base)
    losses = [f(rate, sparsity, base) for f in (multilayer_loss, denoiser_loss)]
    chain = [limit - error, *losses, gaussian_loss(rate)]
    assert (np.diff(np.array(chain, dtype=float)) >= -1e-9).all()
    assert error <= 1e-3
    assert mixed_loss(rate, sparsity, base)[0] <= gaussian_loss(rate) + 1e-12


@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_dense_gaussian_needs_no_denoiser(rate):
    assert float(denoiser_loss(rate, 1.0, "gaussian")) == pytest.approx(float(gaussian_loss(rate)), rel=1e-12)


def test_denoiser_is_unknown_beyond_rate_one_and_useless_at_rate_zero():
    np.testing.assert_array_equal(np.isnan(denoiser_loss([0, 1, 1.01], 0.5)), [False, False, True])
    assert float(denoiser_loss(0, 0.5)) == 1
    with pytest.raises(ValueError, match="outside"):
        denoiser_loss(-0.1, 0.5)


def test_sparser_data_are_easier_for_a_denoiser():
    assert (np.diff(denoiser_loss(0.5, [0.01, 0.05, 0.2, 0.6, 1.0], "gaussian")) > 0).all()
    assert float(denoiser_loss(0.5, 0.01, "gaussian")) < 0.1
