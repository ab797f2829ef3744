import numpy as np
import pytest
import torch

from explorer.errors import StudyError
from tests.sources.cells import cell, draw, law_of, reference, uniforms


def manifold(dimension=12, **settings):
    return cell("manifold", dimension=dimension, **settings)


def rank(x):
    return int((torch.linalg.svdvals(x.double()) > 1e-3).sum())


@pytest.mark.parametrize("intrinsic", [1, 3, 12])
def test_flat_data_have_the_intrinsic_rank(intrinsic):
    x = draw(manifold(intrinsic=intrinsic), 200)
    assert rank(x) == intrinsic
    if intrinsic < 12:
        found = np.linalg.eigvalsh(reference(manifold(intrinsic=intrinsic))["covariance"])[-intrinsic:]
        np.testing.assert_allclose(found, 12 / intrinsic)
    else:
        assert reference(manifold(intrinsic=12)) == {}


@pytest.mark.parametrize(("intrinsic", "expected"), [(1, 3), (3, 9), (5, 12)])
def test_curved_data_have_a_higher_rank(intrinsic, expected):
    assert rank(draw(manifold(intrinsic=intrinsic, curvature=1.0), 500)) == expected


@pytest.mark.parametrize("intrinsic", [1, 2, 4])
@pytest.mark.parametrize("curvature", [0.3, 1.0, 5.0])
def test_curvature_is_the_ratio_of_curved_to_flat_variance(intrinsic, curvature):
    flat = reference(manifold(intrinsic=intrinsic))["covariance"] * intrinsic / 12
    bent = reference(manifold(intrinsic=intrinsic, curvature=curvature))["covariance"]
    along = np.trace(flat @ bent)
    assert (np.trace(bent) - along) / along == pytest.approx(curvature**2)
    assert np.trace(bent) == pytest.approx(12)


def test_curved_data_are_a_smooth_function_of_the_flat_ones():
    """Bent coordinates against flat ones, along a line of g: no linear part, and second differences that vanish."""
    which = manifold(intrinsic=1, curvature=1.0)
    u = uniforms(law_of(which), 4001)
    u[:, 0] = torch.linspace(0.2, 0.8, 4001)
    x = draw(which, u).double()
    assert x.diff(dim=0).norm(dim=1).max() < 0.02
    flat = torch.from_numpy(np.linalg.eigh(reference(manifold(intrinsic=1))["covariance"])[1][:, -1])
    sample = draw(which, 100_000).double()
    g = sample @ flat
    bent = sample - g[:, None] * flat
    assert bent.mean(dim=0).abs().max() < 0.03
    assert (g[:, None] * bent).mean(dim=0).abs().max() < 0.06
    assert rank(bent[:300]) == 2


def test_noise_adds_its_variance_before_normalising():
    clean, noisy = manifold(), manifold(ambient_noise=0.5)
    expected = (reference(clean)["covariance"] + 0.25 * np.eye(12)) / 1.25
    np.testing.assert_allclose(reference(noisy)["covariance"], expected)
    u = uniforms(law_of(clean), 1000)
    difference = (1.25**0.5 * draw(noisy, u) - draw(clean, u)).double()
    assert difference.std().item() == pytest.approx(0.5, rel=0.03)


def test_knob_like_settings_keep_the_draws():
    u = uniforms(law_of(manifold()), 10)
    flat, bent = draw(manifold(), u).double(), draw(manifold(curvature=1e-3), u).double()
    torch.testing.assert_close(flat, bent, atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"intrinsic": 13}, "intrinsic: found 13 in dimension 12, expected at most 12"),
        ({"intrinsic": 12, "curvature": 0.5}, "curvature: found a curved manifold of all 12 dimensions, expected 0"),
        ({"curvature": -0.5}, "curvature: -0.5 is outside"),
    ],
)
def test_manifolds_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(StudyError, match=message):
        manifold(**settings)
