import numpy as np
import pytest
from scipy import integrate, stats

from explorer.theory import denoiser_loss, kappa, multilayer_loss, state_evolution


@pytest.mark.parametrize(
    ("base", "sparsity", "rate", "denoiser", "multilayer"),
    [
        ("gaussian", 0.1, 0.5, 0.40213, 0.27265),
        ("gaussian", 0.5, 0.8, 0.45451, 0.44350),
        ("gaussian", 1, 1, 0.36338, 0.36338),
        ("rademacher", 0.1, 0.2, 0.86092, 0.85964),
        ("rademacher", 0.8, 1, 0.30858, 0.30362),
    ],
)
def test_losses_have_the_known_values(base, sparsity, rate, denoiser, multilayer):
    assert float(denoiser_loss(rate, sparsity, base)) == pytest.approx(denoiser, abs=6e-6)
    assert float(multilayer_loss(rate, sparsity, base)) == pytest.approx(multilayer, abs=6e-6)
    found = state_evolution(rate, sparsity, base, layers=11)
    assert found.loss[0] == pytest.approx(float(denoiser_loss(rate, sparsity, base)), rel=1e-12)
    assert found.fixed_point == pytest.approx(multilayer, abs=1.1e-4)


@pytest.mark.parametrize("v", [0.9, 0.5, 0.1])
def test_kappa_agrees_with_adaptive_quadrature(v):
    def f(t):
        log = 2 * stats.norm.logpdf(t) - stats.norm.logcdf(t) - stats.norm.logcdf(-t)
        return np.exp(log) * stats.norm.pdf(t, scale=((1 - v) / v) ** 0.5)

    assert float(kappa(v)) == pytest.approx(2 * integrate.quad(f, 0, 30, epsabs=1e-13)[0], rel=1e-9)


def test_kappa_has_its_ends_and_rises():
    values = kappa(np.linspace(0, 1, 50))
    assert values[0] == 0
    assert values[-1] == pytest.approx(2 / np.pi, rel=1e-12)
    assert (np.diff(values) > 0).all()
    with pytest.raises(ValueError, match="outside"):
        kappa(1.5)


@pytest.mark.parametrize(("sparsity", "threshold"), [(0.05, 0.423), (0.1, 0.707), (0.15, 0.939)])
def test_uninformed_start_recovers_signs_only_above_the_algorithmic_threshold(sparsity, threshold):
    below, above = multilayer_loss([threshold - 0.003, threshold + 0.003], sparsity)
    assert below > 0.05
    assert above == 0
    assert float(multilayer_loss(threshold - 0.003, sparsity, start="informed")) == 0


def test_perfect_recovery_ends_gracefully():
    found = state_evolution(0.8, 0.1, layers=200)
    assert len(found.loss) == 200
    assert np.isfinite(found.loss).all()
    assert (found.fixed_point, found.v[-1], found.gamma[-1], found.converged) == (0.0, 0.0, np.inf, True)


@pytest.mark.parametrize("base", ["gaussian", "laplace", "uniform"])
def test_informed_start_meets_the_uninformed_one_where_there_is_no_hard_phase(base):
    starts = [float(multilayer_loss(0.5, 0.3, base, start=start)) for start in ("uninformed", "informed")]
    assert starts[0] == pytest.approx(starts[1], abs=1e-7)


def test_losses_never_rise_from_layer_to_layer():
    for rate, sparsity in ((0.2, 0.01), (0.9, 0.3)):
        found = state_evolution(rate, sparsity, "gaussian")
        assert (np.diff(found.loss) <= 1e-10).all()
        assert {len(found.v), len(found.kappa), len(found.gamma), len(found.loss)} == {32}


def test_dense_gaussian_gains_nothing_from_layers():
    np.testing.assert_allclose(
        multilayer_loss([0.3, 1.0], 1.0, "gaussian"), 1 - np.array([0.3, 1.0]) * 2 / np.pi, rtol=1e-9
    )


def test_random_gaussian_rows_are_worse_than_orthogonal_ones_and_have_no_end():
    haar, random = (
        multilayer_loss([0.2, 0.5, 1.0], 0.3, "gaussian", encoder=encoder) for encoder in ("haar", "gaussian")
    )
    assert (random > haar).all()
    assert np.isfinite(multilayer_loss(3.0, 0.3, encoder="gaussian"))


def test_haar_rows_end_at_rate_one():
    np.testing.assert_array_equal(np.isnan(multilayer_loss([1.0, 1.01], 0.5)), [False, True])
    with pytest.raises(ValueError, match="Haar"):
        state_evolution(1.01, 0.5)


@pytest.mark.parametrize("base", ["rademacher", "gaussian"])
def test_vanishing_rate_tells_nothing(base):
    assert float(multilayer_loss(0.0, 0.1, base)) == 1
    assert float(multilayer_loss(1e-6, 0.1, base)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "change", [{"start": "middle"}, {"encoder": "fourier"}, {"layers": 0}, {"rate": -1}, {"sparsity": 0}]
)
def test_arguments_outside_the_domain_are_refused(change):
    with pytest.raises(ValueError, match=r"expected|outside"):
        state_evolution(**{"rate": 0.5, "sparsity": 0.5, **change})
