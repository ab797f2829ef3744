"""1-bit codes with a denoiser, unrolled and random encoders, against the limits of theory."""

import math

import pytest

from explorer.errors import StudyError
from explorer.theory import denoiser_loss, multilayer_loss, state_evolution
from tests.architectures.packs import observed, train

SHORT = {"source": "sparse", "dimension": 128, "rate": 0.5, "steps": 200, "batch": 128, "learning_rate": 0.005,
         "evaluation_samples": 8192}  # fmt: skip
DENSE = [("gaussian", 0.4), ("gaussian", 0.8), ("rademacher", 0.1), ("rademacher", 0.3)]


@pytest.mark.parametrize(("base", "sparsity"), DENSE)
def test_the_denoiser_reaches_its_limit(base, sparsity):
    found = train({"denoiser": "bayes"}, architecture="denoiser", base=base, sparsity=sparsity, **SHORT)[0]
    assert found.loss == pytest.approx(float(denoiser_loss(0.5, sparsity, base)), rel=0.03)


@pytest.mark.parametrize("denoiser", ["tanh", "spline"])
def test_learned_denoisers_come_close_to_the_posterior_mean(denoiser):
    settings = {**SHORT, "steps": 600, "learning_rate": 0.01}
    found = train(architecture="denoiser", denoiser=denoiser, base="gaussian", sparsity=0.3, **settings)[0]
    limit = float(denoiser_loss(0.5, 0.3, "gaussian"))
    assert found.loss == pytest.approx(limit, rel=0.03)
    assert found.loss < 1 - 1 / math.pi - 0.04  # what a linear decoder loses at r = 1/2


@pytest.mark.parametrize("tied", [False, True])
def test_tied_and_free_decoders_agree(tied):
    found = train(architecture="denoiser", tied=tied, base="gaussian", sparsity=0.5, **SHORT)[0]
    assert found.loss == pytest.approx(float(denoiser_loss(0.5, 0.5, "gaussian")), rel=0.03)


def test_the_loss_falls_with_the_layers_to_the_fixed_point_and_below_the_denoiser():
    shared = {**SHORT, "steps": 1, "dimension": 256, "base": "gaussian", "sparsity": 0.3, "evaluation_samples": 4096}
    limits = state_evolution(0.5, 0.3, "gaussian", layers=4).loss
    losses = [train(architecture="unrolled", layers=layers, **shared)[0].loss for layers in (1, 2, 4)]
    assert losses == sorted(losses, reverse=True)
    for loss, limit in zip(losses, (limits[0], limits[1], limits[3]), strict=True):
        assert loss == pytest.approx(limit, rel=0.03)
    assert losses[2] < float(denoiser_loss(0.5, 0.3, "gaussian"))


def test_learned_layers_come_near_the_bayes_optimal_ones():
    shared = {**SHORT, "dimension": 64, "steps": 150, "learning_rate": 0.02, "base": "gaussian", "sparsity": 0.3}
    bayes = train(architecture="unrolled", layers=2, denoiser="bayes", **shared)[0]
    for name in ("tanh", "spline"):
        learned = train(architecture="unrolled", layers=2, denoiser=name, **shared)[0]
        assert learned.loss < bayes.loss + 0.02


@pytest.mark.parametrize("law", ["haar", "gaussian"])
@pytest.mark.parametrize("base", ["gaussian", "rademacher"])
def test_a_random_encoder_with_a_bayes_decoder_follows_state_evolution(law, base):
    shared = {**SHORT, "steps": 1, "dimension": 256, "base": base, "sparsity": 0.4, "evaluation_samples": 4096}
    settings = {"architecture": "random_encoder", "decoder": "unrolled", "layers": 5, "encoder_law": law}
    found = train({}, {"seed": 1}, **settings, **shared)
    limit = float(multilayer_loss(0.5, 0.4, base, layers=5, encoder=law))
    assert sum(result.loss for result in found) / 2 == pytest.approx(limit, rel=0.02)


def test_a_random_encoder_with_a_linear_decoder_has_the_linear_limit():
    found = train(architecture="random_encoder", refit=True, base="rademacher", sparsity=0.3, **SHORT)[0]
    assert found.loss == pytest.approx(1 - 2 * 0.5 / math.pi, rel=0.02)


def test_a_random_encoder_is_never_trained():
    short, long = (
        train(architecture="random_encoder", base="rademacher", sparsity=0.3, **{**SHORT, "steps": n})[0]
        for n in (1, 20)
    )
    assert (short.minimizer["encoder"] == long.minimizer["encoder"]).all()
    assert observed(long)["orthogonality"] < 1e-6


def test_a_gaussian_encoder_can_be_overcomplete():
    settings = {**SHORT, "rate": 1.5, "steps": 1, "dimension": 128, "evaluation_samples": 4096}
    found = train(architecture="random_encoder", decoder="unrolled", layers=6, encoder_law="gaussian", base="rademacher",
                  sparsity=0.4, **settings)[0]  # fmt: skip
    limit = float(multilayer_loss(1.5, 0.4, "rademacher", layers=6, encoder="gaussian"))
    assert found.loss == pytest.approx(limit, rel=0.05)


def test_layers_help_in_the_phase_of_perfect_recovery_and_many_stay_finite():
    shared = {**SHORT, "rate": 0.9, "steps": 1, "base": "rademacher", "sparsity": 0.1, "evaluation_samples": 1024}
    one, four = (
        train(architecture="unrolled", layers=1, **shared)[0],
        train(architecture="unrolled", layers=4, **shared)[0],
    )
    assert four.loss < one.loss - 0.05
    assert train(architecture="unrolled", layers=32, **shared)[0].loss < 1


@pytest.mark.parametrize("architecture", ["denoiser", "unrolled"])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source": "manifold"}, "denoiser: bayes needs a source of independent coordinates"),
        ({"source": "gaussian", "spectrum": "power_law"}, "denoiser: bayes needs"),
        ({"source": "gaussian", "rate": 1.5}, "rate: bayes is known for at most"),
    ],
)
def test_a_posterior_mean_that_nobody_knows_is_refused(architecture, settings, message):
    with pytest.raises(StudyError, match=message):
        train(architecture=architecture, dimension=8, **{"rate": 0.5, **settings})


def test_learned_decoders_take_any_source_and_rate():
    for settings in ({"source": "manifold", "rate": 0.5}, {"source": "gaussian", "rate": 1.5}):
        for architecture in ("denoiser", "unrolled"):
            found = train(
                architecture=architecture, denoiser="spline", dimension=8, steps=5, evaluation_samples=64, **settings
            )
            assert math.isfinite(found[0].loss)


@pytest.mark.parametrize("denoiser", ["bayes", "spline", "tanh"])
def test_every_row_of_the_decoder_learns_from_the_identity(denoiser):
    found = train(architecture="denoiser", denoiser=denoiser, init="identity", base="gaussian", sparsity=0.5,
                  **{**SHORT, "dimension": 16})[0]  # fmt: skip
    assert abs(found.minimizer["decoder"][8:]).max() > 0.01


def test_weights_that_are_not_trained_cannot_be_rounded():
    with pytest.raises(StudyError, match="weight_bits: nothing that is trained here is a matrix"):
        train(
            architecture="random_encoder", decoder="unrolled", source="gaussian", dimension=8, rate=0.5, weight_bits=2
        )
