import math

import pytest

from explorer.theory import LIMITS, denoiser_loss, gaussian_loss, multilayer_loss, predicted_limits

SPARSE = {
    "source": "sparse",
    "base": "rademacher",
    "sparsity": 0.8,
    "rate": 1.0,
    "architecture": "two_layer",
    "activation": "sign",
}
GAUSSIAN = {"source": "gaussian", "rate": 0.5, "architecture": "two_layer", "activation": "sign"}
BOUNDS = {"linear", "denoiser", "multilayer", "shannon"}
PHASES = {"identity", "tie_broken_identity", "mixed"}


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (SPARSE, BOUNDS | PHASES),
        ({**SPARSE, "rate": 1.5}, {"linear", "shannon"}),
        ({**SPARSE, "activation": "tanh"}, set()),
        ({**SPARSE, "base": None}, set()),
        ({**SPARSE, "sparsity": math.nan}, set()),
        ({**SPARSE, "source": "images"}, set()),
        ({**SPARSE, "architecture": "denoiser"}, BOUNDS | PHASES | {"loss"}),
        ({**SPARSE, "architecture": "vae"}, set()),
        (GAUSSIAN, BOUNDS | {"loss"}),
        ({**GAUSSIAN, "spectrum": "isotropic"}, BOUNDS | {"loss"}),
        ({**GAUSSIAN, "spectrum": "power"}, set()),
        ({**GAUSSIAN, "activation": "erf"}, {"loss"}),
        ({**GAUSSIAN, "activation": "relu"}, set()),
        ({**GAUSSIAN, "rate": None}, set()),
    ],
)
def test_limits_are_given_where_a_formula_is_known(settings, names):
    assert set(predicted_limits(settings)) == names
    assert names <= set(LIMITS)


def own(**settings):
    return predicted_limits({**SPARSE, "base": "gaussian", "sparsity": 0.1, "rate": 0.5, **settings}).get("loss")


def test_each_architecture_has_its_own_loss():
    point = (0.5, 0.1, "gaussian")
    denoiser, five = float(denoiser_loss(*point)), float(multilayer_loss(*point, layers=5))
    random = {"architecture": "random_encoder", "encoder_law": "haar"}
    assert own() is None
    assert own(architecture="denoiser") == pytest.approx(denoiser)
    assert own(architecture="unrolled", layers=5) == pytest.approx(five)
    assert own(architecture="unrolled", layers=math.nan) is None
    assert own(**random, decoder="linear") == pytest.approx(float(gaussian_loss(0.5)))
    assert own(**random, decoder="denoiser") == pytest.approx(denoiser)
    assert own(**random, decoder="unrolled", layers=5) == pytest.approx(five)


def test_gaussian_rows_are_known_for_unrolled_decoders_alone():
    random = {"architecture": "random_encoder", "encoder_law": "gaussian"}
    expected = float(multilayer_loss(0.5, 0.1, "gaussian", layers=5, encoder="gaussian"))
    assert own(**random, decoder="unrolled", layers=5) == pytest.approx(expected)
    assert own(**random, decoder="linear") is None
    assert own(**random, decoder="denoiser") is None
    assert own(architecture="random_encoder", encoder_law="fourier", decoder="unrolled", layers=5) is None


def test_rate_that_was_trained_counts():
    limits = predicted_limits({**SPARSE, "rate": 0.33, "dimension": 10, "code_dimension": 3})
    assert limits["identity"] == pytest.approx(1 - 0.3 * 0.8)


@pytest.mark.parametrize(
    "spectrum",
    [
        {"spectrum": "power_law", "exponent": 1.5},
        {"spectrum": "spiked", "spikes": 3, "spike_strength": 9.0},
        {"spectrum": "blocks", "eigenvalues": "4:0.5, 0.25:0.5"},
    ],
)
def test_gaussian_spectra_have_principal_components_and_one_bit_limits(spectrum):
    settings = {"source": "gaussian", "dimension": 16, "code_dimension": 4, **spectrum}
    linear = predicted_limits({**settings, "architecture": "linear"})
    assert linear["loss"] == linear["pca"] > 0
    signs = predicted_limits({**settings, "architecture": "two_layer", "activation": "sign"})
    assert linear["pca"] < signs["linear"]
    assert signs["shannon"] < signs["linear"]
    assert "denoiser" not in signs


def test_the_blocks_of_theory_are_those_of_the_setting():
    settings = {"source": "gaussian", "dimension": 64, "code_dimension": 64, "spectrum": "blocks", "eigenvalues": "4,0.25",
                "architecture": "two_layer", "activation": "sign"}  # fmt: skip
    assert predicted_limits(settings)["linear"] == pytest.approx(0.56778, abs=1e-4)


@pytest.mark.parametrize("rate", [0.25, 1.0, 1.5])
def test_a_linear_code_of_isotropic_data_keeps_its_share(rate):
    settings = {"source": "sparse", "base": "laplace", "sparsity": 0.3, "rate": rate, "architecture": "linear"}
    assert predicted_limits(settings) == {"loss": pytest.approx(max(0, 1 - rate))}
