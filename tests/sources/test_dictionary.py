import numpy as np
import pytest
import torch

from tests.sources.cells import cell, draw, law_of, reference, uniforms


def dictionary(dimension=8, **settings):
    return cell("dictionary", dimension=dimension, **settings)


def coefficients(which, u=20_000):
    """c up to its scale, from x, where D has a left inverse."""
    x = draw(which, u).double().numpy()
    return x @ np.linalg.pinv(reference(which)["dictionary"]).T


@pytest.mark.parametrize(("atoms", "count"), [(0.01, 1), (0.5, 4), (2.0, 16), (8.0, 64)])
def test_columns_are_unit_atoms_of_the_seed(atoms, count):
    found = reference(dictionary(atoms=atoms))["dictionary"]
    assert found.shape == (8, count)
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), 1)
    assert not np.allclose(found, reference(dictionary(atoms=atoms, seed=1))["dictionary"])
    assert law_of(dictionary(atoms=atoms)).width == 2 * count


def test_coherence_is_that_of_random_vectors():
    d, k = 256, 512
    atoms = reference(dictionary(d, atoms=2.0))["dictionary"]
    gram = np.abs(atoms.T @ atoms - np.eye(k))
    assert gram.max() == pytest.approx(2 * np.sqrt(np.log(k) / d), rel=0.15)


@pytest.mark.parametrize("active", [0.05, 0.4, 1.0])
@pytest.mark.parametrize("sign", ["nonnegative", "signed"])
def test_share_of_active_atoms_and_their_law(active, sign):
    c = coefficients(dictionary(atoms=0.5, active=active, coefficients=sign))
    on = np.abs(c) > 1e-4 * np.abs(c).max()
    assert on.mean() == pytest.approx(active, abs=4 * np.sqrt(active / c.size) + 1e-12)
    values = np.abs(c[on])
    assert values.max() / values.min() == pytest.approx(3, rel=0.05)
    assert values.mean() / values.max() == pytest.approx(2 / 3, rel=0.02)
    assert (c[on] > 0).mean() == pytest.approx(1.0 if sign == "nonnegative" else 0.5, abs=0.05)


def test_active_atoms_stay_active_at_a_larger_share():
    u = uniforms(law_of(dictionary(atoms=0.5)), 500)
    small, large = (np.abs(coefficients(dictionary(atoms=0.5, active=a), u)) > 1e-4 for a in (0.2, 0.6))
    assert (large | ~small).all()
    assert large.sum() > small.sum()


@pytest.mark.parametrize("sign", ["nonnegative", "signed"])
def test_mean_square_is_one_for_every_dictionary(sign):
    for seed in range(3):
        known = reference(dictionary(seed=seed, coefficients=sign, active=0.5))
        assert np.trace(known["covariance"]) / 8 == pytest.approx(1)


def test_mean_is_zero_for_signed_coefficients_alone():
    mean = {
        s: draw(dictionary(coefficients=s, active=0.5), 40_000).mean(dim=0).norm() for s in ("nonnegative", "signed")
    }
    assert mean["signed"] < 0.05
    assert mean["nonnegative"] > 0.5
    assert torch.isfinite(mean["signed"])
