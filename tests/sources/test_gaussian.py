import numpy as np
import pytest
import torch

from explorer.errors import StudyError
from explorer.sources.quantiles import quantile_table, symmetric
from explorer.study import Study
from tests.sources.cells import cell, draw, law_of, reference, uniforms


def gaussian(dimension=6, **settings):
    return cell("gaussian", dimension=dimension, **settings)


def spectrum(**settings):
    return np.linalg.eigvalsh(reference(gaussian(**settings))["covariance"])[::-1]


def test_isotropic_data_and_key_are_those_before_there_was_a_spectrum():
    plain = gaussian(rate=1.0)
    assert plain.key == "adf4b6adf4fed7c8c66d"
    assert plain.key == gaussian(rate=1.0, spectrum="isotropic").key
    u = uniforms(law_of(plain), 100)
    assert torch.equal(draw(plain, u), symmetric(u, torch.from_numpy(quantile_table("gaussian").astype(np.float32))))
    assert reference(plain) == {}


@pytest.mark.parametrize("rotated", [True, False])
def test_power_law_has_its_exponent_and_mean_one(rotated):
    found = spectrum(spectrum="power_law", exponent=1.5, rotated=rotated)
    expected = np.arange(1, 7) ** -1.5
    np.testing.assert_allclose(found, expected / expected.mean(), rtol=1e-9)


def test_spikes_stand_out_of_a_flat_bulk():
    found = spectrum(spectrum="spiked", spikes=2, spike_strength=8.0)
    np.testing.assert_allclose(found, np.array([9, 9, 1, 1, 1, 1]) * 6 / 22, rtol=1e-9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4, 0.25", [4, 4, 4, 0.25, 0.25, 0.25]),
        ("9:0.5,1:0.3333333333,0:0.1666666667", [9, 9, 9, 1, 1, 0]),
        ("2", [2] * 6),
    ],
)
def test_blocks_are_as_given(text, expected):
    if len(set(expected)) > 1:
        np.testing.assert_allclose(spectrum(spectrum="blocks", eigenvalues=text), expected, atol=1e-9)
    x = draw(gaussian(spectrum="blocks", eigenvalues=text), 20_000).double()
    assert x.square().sum(dim=1).mean().item() == pytest.approx(sum(expected), rel=0.05)


@pytest.mark.parametrize("settings", [{"spectrum": "power_law", "exponent": 0.0}, {"spectrum": "spiked", "spikes": 6}])
def test_equal_eigenvalues_are_the_identity(settings):
    assert reference(gaussian(**settings)) == {}


def test_axes_are_coordinates_unless_rotated():
    plain = reference(gaussian(spectrum="power_law", rotated=False))["covariance"]
    np.testing.assert_array_equal(plain, np.diag(np.diagonal(plain)))
    first, second = (reference(gaussian(spectrum="power_law", seed=seed))["covariance"] for seed in (0, 1))
    assert np.abs(first - second).max() > 0.1
    assert np.abs(first - np.diag(np.diagonal(first))).max() > 0.1


def test_spectra_of_one_seed_share_their_axes():
    first, second = (
        reference(gaussian(spectrum="power_law", exponent=exponent))["covariance"] for exponent in (0.5, 2.0)
    )
    np.testing.assert_allclose(first @ second, second @ first, atol=1e-9)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"spectrum": "blocks"}, r'eigenvalues: missing; expected a value in the form "4, 0.25"'),
        ({"spectrum": "blocks", "eigenvalues": "4; 1"}, r'"4; 1" is outside the form "4, 0.25"'),
        ({"spectrum": "blocks", "eigenvalues": "4:0.5, 1"}, r'"4:0.5, 1" is outside the form'),
        ({"spectrum": "blocks", "eigenvalues": "-1, 1"}, r'"-1, 1" is outside the form'),
        ({"spectrum": "blocks", "eigenvalues": "4:0.5, 1:0.4"}, "shares that sum to 0.9, expected 1"),
        ({"spectrum": "blocks", "eigenvalues": "4:0.01, 1:0.99"}, "no coordinate in dimension 6"),
        ({"spectrum": "blocks", "eigenvalues": "0, 0"}, "found 0 as the largest"),
        ({"spectrum": "blocks", "eigenvalues": "1e999, 1"}, "found inf as the largest"),
        ({"spectrum": "spiked", "spikes": 7}, "spikes: found 7 spikes in dimension 6, expected at most 6"),
    ],
)
def test_spectra_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(StudyError, match=message):
        gaussian(**settings)


def test_study_says_where_a_spectrum_is_wrong(tmp_path):
    text = (
        "name: s\naxes:\n  source: gaussian\n  architecture: two_layer\n  dimension: 8\n  rate: 0.5\n"
        "  spectrum: [isotropic, blocks]\n  eigenvalues: ['4, 0.25', '9:0.25, 1:0.7']\n"
    )
    with pytest.raises(StudyError, match=r"s\.yaml:8: axes\.eigenvalues\[1\]: found shares that sum to 0\.95"):
        _ = Study(text, "s.yaml").cells
    assert len(Study(text.replace("1:0.7'", "1:0.75'"), "s.yaml").cells) == 3
