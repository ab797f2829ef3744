import numpy as np
import pytest
import torch

from explorer.architectures import architectures
from explorer.cells import Cell
from explorer.errors import StudyError
from explorer.training.draws import uniforms, words
from tests.architectures.packs import spectrum, train

ANISOTROPIC = {
    "source": "gaussian", "spectrum": "power_law", "dimension": 16, "architecture": "denoising", "learning_rate": 0.01,
    "evaluation_samples": 16384,
}  # fmt: skip


def wiener(covariance, rank, corruption, level):
    """The best map of x̃ of this rank, and its loss per coordinate: reduced-rank regression of x on x̃."""
    sigma = covariance.astype(float)
    if corruption == "gaussian":
        cross, second = sigma, sigma + level**2 * np.eye(len(sigma))
    else:
        keep = 1 - level
        cross, second = keep * sigma, keep**2 * sigma + keep * (1 - keep) * np.diag(np.diag(sigma))
    full = cross @ np.linalg.inv(second)
    explained, axes = spectrum(full @ cross.T)
    top = axes[:, :rank]
    return top @ top.T @ full, (np.trace(sigma) - explained[:rank].sum()) / len(sigma)


@pytest.mark.parametrize(
    ("corruption", "rate"), [("gaussian", 1 / 16), ("gaussian", 0.25), ("gaussian", 1.0), ("masking", 0.25)]
)
def test_a_linear_one_is_the_wiener_filter_of_its_rank(corruption, rate):
    levels = (0.0, 0.5, 1.0) if corruption == "gaussian" else (0.0, 0.2, 0.5)
    results = train(
        *[{"corruption_level": level} for level in levels], **ANISOTROPIC, rate=rate, corruption=corruption, steps=1000
    )
    for result, level in zip(results, levels, strict=True):
        best, loss = wiener(result.probe["covariance"], max(1, round(16 * rate)), corruption, level)
        found = result.minimizer["decoder"] @ result.minimizer["encoder"]
        assert np.linalg.norm(found - best) < 0.04 * np.linalg.norm(best)
        assert result.loss == pytest.approx(loss, rel=0.02, abs=1e-4)


def test_under_gaussian_corruption_the_filter_is_that_of_the_covariance_and_the_noise():
    sigma = np.diag([4.0, 1.0, 0.25])
    best, loss = wiener(sigma, 2, "gaussian", 0.5)
    np.testing.assert_allclose(best, np.diag([4 / 4.25, 1 / 1.25, 0]), atol=1e-12)
    assert loss == pytest.approx((4 * 0.25 / 4.25 + 0.25 / 1.25 + 0.25) / 3)


def test_the_corruption_has_the_level_that_it_says():
    x, noise = torch.ones(4000, 8), uniforms(words([0], "noise", [0], 32000)[0], 8)
    gaussian = architectures["denoising"](8, 2).corrupted(x, noise, torch.tensor(0.7))
    assert float((gaussian - x).mean()) == pytest.approx(0, abs=0.02)
    assert float((gaussian - x).std()) == pytest.approx(0.7, rel=0.02)
    assert torch.isfinite(gaussian).all()
    masked = architectures["denoising"](8, 2, corruption="masking").corrupted(x, noise, torch.tensor(0.3))
    assert float((masked == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert set(masked.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_others_than_linear_have_biases_and_lose_more_from_noisier_input(activation):
    results = train(
        *[{"corruption_level": level} for level in (0.1, 0.5, 1.0)],
        **{**ANISOTROPIC, "evaluation_samples": 4096}, rate=0.5, activation=activation, steps=400,
    )  # fmt: skip
    assert all(np.diff([result.loss for result in results]) > 0)
    assert {"encoder", "decoder", "encoder_bias", "decoder_bias"} == results[0].minimizer.keys()


def test_masking_everything_is_refused():
    with pytest.raises(StudyError, match=r"corruption_level: masking .* expected one in \[0, 1\)"):
        Cell.of(**ANISOTROPIC, rate=0.5, corruption="masking", corruption_level=1.0)
    with pytest.raises(StudyError, match="corruption_level"):
        Cell.of(**ANISOTROPIC, rate=0.5, corruption_level=-0.1)
    assert Cell.of(**ANISOTROPIC, rate=0.5, corruption_level=1.5).knobs["corruption_level"] == 1.5
