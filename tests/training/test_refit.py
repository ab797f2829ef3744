"""Decoders refitted by least squares, and gradients that pass the sign."""

import numpy as np
import pytest
import torch

from explorer.cells import Cell, Pack
from explorer.errors import StudyError
from explorer.observables import observe
from explorer.training import PackRun
from explorer.training.refit import least_squares

SHORT = {"source": "sparse", "architecture": "two_layer", "sparsity": 0.6, "dimension": 16, "rate": 0.75, "batch": 64,
         "evaluation_samples": 8192, "steps": 40}  # fmt: skip


def cell(**settings):
    return Cell.of(**{**SHORT, **settings})


def train(*cells, compiled=False):
    run = PackRun(Pack(tuple(cells), len(cells)), compiled=compiled)
    run.advance(run.steps)
    return run.finish()


def test_least_squares_is_that_of_numpy():
    generator = torch.Generator().manual_seed(0)
    code, x = torch.randn(2, 500, 4, generator=generator), torch.randn(2, 500, 6, generator=generator)
    parts = [lambda i=i: (code[:, i : i + 100], x[:, i : i + 100]) for i in range(0, 500, 100)]
    found = least_squares(parts)
    for one, (z, y) in zip(found, zip(code.numpy(), x.numpy(), strict=True), strict=True):
        np.testing.assert_allclose(one.numpy(), np.linalg.lstsq(z, y, rcond=None)[0].T, atol=1e-4)


def test_a_dead_unit_does_not_break_the_fit():
    code = torch.tensor([[[1.0, 0.0], [2.0, 0.0], [-1.0, 0.0]]])
    assert torch.isfinite(least_squares([lambda: (code, code)])).all()


@pytest.mark.parametrize("architecture", ["two_layer", "linear", "random_encoder"])
def test_refitting_leaves_the_encoder_and_no_loss_behind(architecture):
    plain, refitted = (cell(architecture=architecture, refit=flag) for flag in (False, True))
    first, second = train(plain)[0], train(refitted)[0]
    np.testing.assert_array_equal(first.minimizer["encoder"], second.minimizer["encoder"])
    assert second.loss < first.loss - 0.001
    assert plain.key != refitted.key


def test_a_refitted_decoder_is_not_refitted_when_it_is_tied():
    assert "refit" not in cell(tied=True, refit=True).settings


def test_the_noisy_gradient_is_that_of_the_mean_over_noise():
    run = PackRun(Pack((cell(surrogate="noisy", surrogate_width=0.5),), 1), compiled=False)
    model = run.program.start(run.pack.cells[0])
    x = torch.randn(8, 16, generator=torch.Generator().manual_seed(0))
    exact = model.requires_grad_(False).objective(x, None, torch.tensor(0.0), surrogate_width=torch.tensor(0.5))
    u = x @ model.encoder.T
    noise = torch.randn(20_000, *u.shape, generator=torch.Generator().manual_seed(1))
    code = torch.where(u + 0.5 * noise < 0, -1.0, 1.0)
    sampled = (x - code @ model.decoder.T).square().mean()
    assert float(exact) == pytest.approx(float(sampled), rel=2e-3)


def test_annealing_ends_at_the_sign():
    model = (
        PackRun(Pack((cell(surrogate="annealed"),), 1), compiled=False)
        .program.start(cell(surrogate="annealed"))
        .requires_grad_(False)
    )
    x = torch.randn(64, 16, generator=torch.Generator().manual_seed(0))
    last = model.objective(x, None, torch.tensor(1.0), final_temperature=torch.tensor(1e-6))
    assert float(last) == pytest.approx(float((x - model(x)).square().mean()), rel=1e-4)


@pytest.mark.parametrize("surrogate", ["annealed", "noisy"])
def test_widths_and_temperatures_belong_to_their_surrogates(surrogate):
    settings = cell(surrogate=surrogate, surrogate_width=0.3, final_temperature=0.1).settings
    assert ("surrogate_width" in settings) == (surrogate == "noisy")
    assert ("final_temperature" in settings) == (surrogate == "annealed")


def test_the_straight_through_surrogate_is_the_cell_without_the_setting():
    assert (
        cell(surrogate="straight_through", refit=False, weight_bits="inf", distortion="squared_error").key == cell().key
    )


def test_cross_entropy_needs_data_between_zero_and_one():
    with pytest.raises(StudyError, match=r"distortion: cross_entropy needs data in \[0, 1\]"):
        cell(distortion="cross_entropy")


def test_annealing_and_noise_find_what_straight_through_misses():
    """Rademacher data at p = 0.6, r = 1, d = 64: straight-through stays at the exact identity, 1 - p = 0.4."""
    shared = {"dimension": 64, "rate": 1.0, "batch": 256, "steps": 3000}
    straight = train(cell(**shared, learning_rate=0.02), compiled=True)[0]
    annealed, noisy = (
        train(cell(**shared, surrogate=name, refit=True, learning_rate=rate), compiled=True)[0]
        for name, rate in (("annealed", 0.02), ("noisy", 0.01))
    )
    assert straight.loss == pytest.approx(0.4, abs=0.003)
    assert annealed.loss <= 0.33
    assert noisy.loss <= 0.30
    assert 0.5 < observe(noisy.minimizer)["localization"] < 0.9


@pytest.mark.parametrize("architecture", ["two_layer", "linear", "random_encoder"])
def test_logits_are_not_fitted_by_least_squares(architecture):
    with pytest.raises(StudyError, match="refit: least squares fit a reconstruction"):
        Cell.of(
            source="images",
            scaling="none",
            architecture=architecture,
            rate=0.25,
            distortion="cross_entropy",
            refit=True,
        )
