import numpy as np
import pytest

from explorer.analysis.boundary.logistic import fit, locations


def staircases(seeds, points, seed=0):
    """Means over resampled seeds that jump at places of their own, as a bootstrap of a sharp switch has them."""
    generator = np.random.default_rng(seed)
    x = np.linspace(0.2, 1.0, points)
    jumps = 0.5 + 0.05 * generator.standard_normal(seeds)
    values = np.where(x < jumps[:, None], 0.06, 0.97) * (1 + 0.02 * generator.random((seeds, points)))
    return x, generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=40) @ values / seeds


@pytest.mark.parametrize("seeds", [2, 3, 12, 50])
def test_many_fits_at_once_find_what_one_at_a_time_finds(seeds):
    x, curves = staircases(seeds, 30)
    alone = np.array([np.nan if found is None else found[2] for found in (fit(x, curve) for curve in curves)])
    together = locations(x, curves)
    assert np.isfinite(together).all()
    both = np.isfinite(alone)
    assert both.mean() > 0.5
    np.testing.assert_allclose(together[both], alone[both], atol=0.1 * (x[1] - x[0]))


def test_falling_curves_are_fitted_as_well():
    x, curves = staircases(5, 30)
    np.testing.assert_allclose(locations(x, 1 - curves), locations(x, curves), atol=0.1 * (x[1] - x[0]))


def test_curves_without_a_rise_have_no_location_and_gaps_are_no_hindrance():
    x, curves = staircases(5, 30)
    flat, holey = np.full(30, 0.5), curves[0].copy()
    holey[3] = np.nan
    found = locations(x, np.stack([flat, holey, curves[0], np.full(30, np.nan)]))
    assert np.isnan(found[[0, 3]]).all()
    assert found[1] == pytest.approx(found[2], abs=0.01)
