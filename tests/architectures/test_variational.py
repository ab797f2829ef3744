import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from explorer.architectures import architectures
from explorer.cells import Cell
from explorer.errors import StudyError
from explorer.objectives import cross_entropy
from tests.architectures.packs import observed, spectrum, train

ANISOTROPIC = {
    "source": "gaussian", "spectrum": "power_law", "dimension": 16, "architecture": "variational", "learning_rate": 0.01,
    "evaluation_samples": 4096,
}  # fmt: skip


def maximum_likelihood(values, rank):
    """ln p(x) per coordinate at the maximum, and its noise variance: Tipping & Bishop 1999, equations (8) and (10)."""
    d = len(values)
    noise = values[rank:].mean()
    return -0.5 * (np.log(2 * np.pi) + 1 + (np.log(values[:rank]).sum() + (d - rank) * np.log(noise)) / d), noise


def bound(minimizer, x):
    """The evidence lower bound of each x, per coordinate, its expectation over z in closed form."""
    mean = x @ minimizer["encoder"].T + minimizer["mean.bias"]
    s = 16 * np.tanh((x @ minimizer["log_variance.weight"].T + minimizer["log_variance.bias"]) / 16)
    v = np.exp(16 * np.tanh(minimizer["noise_log_variance"] / 16))
    decoder, d = minimizer["decoder"], x.shape[1]
    error = ((x - mean @ decoder.T - minimizer["decoder.maps.0.bias"]) ** 2).sum(axis=1)
    error += np.exp(s) @ (decoder**2).sum(axis=0)
    kl = 0.5 * (mean**2 + np.exp(s) - 1 - s).sum(axis=1)
    return -0.5 * (np.log(2 * np.pi * v) + error / (d * v)) - kl / d


@pytest.mark.parametrize("rank", [1, 4])
def test_a_linear_one_reaches_the_likelihood_of_probabilistic_pca(rank):
    (result,) = train(**ANISOTROPIC, rate=rank / 16, steps=1200)
    values, axes = spectrum(result.probe["covariance"])
    best, noise = maximum_likelihood(values, rank)
    # Whitened to its own mean and covariance: the bound's average is then the population's.
    g = np.random.default_rng(0).standard_normal((20_000, 16))
    g -= g.mean(axis=0)
    g = np.linalg.solve(np.linalg.cholesky(g.T @ g / len(g)), g.T).T
    found = bound(result.minimizer, g * np.sqrt(values) @ axes.T).mean()
    assert best - 0.003 < found <= best + 1e-6
    assert np.exp(result.minimizer["noise_log_variance"]) == pytest.approx(noise, rel=0.02)
    probed = result.probe["elbo"]
    assert observed(result)["elbo"] == pytest.approx(best, abs=4 * float(probed.std()) / len(probed) ** 0.5)
    assert observed(result)["subspace_distance"] < 0.01


@pytest.mark.parametrize("distortion", ["squared_error", "cross_entropy"])
@pytest.mark.parametrize("hidden", ["", "7-5"])
def test_its_terms_are_those_of_the_distributions(distortion, hidden):
    model = architectures["variational"](10, 3, hidden=hidden)
    model.initialise("random", torch.Generator().manual_seed(0))
    if distortion == "cross_entropy":
        model.distortion = cross_entropy
    with torch.no_grad():
        for value in model.parameters():
            value.add_(0.1 * torch.randn(value.shape, generator=torch.Generator().manual_seed(1)))
    x = (torch.rand(6, 10, generator=torch.Generator().manual_seed(2)) < 0.5).float()
    noise = torch.rand(6, 3, generator=torch.Generator().manual_seed(3)) * 0.9 + 0.05
    mean, s = model.posterior(x)
    posterior, prior = Normal(mean, torch.exp(s / 2)), Normal(torch.zeros(3), torch.ones(3))
    reconstruction = model.decoder(posterior.icdf(noise))
    if distortion == "cross_entropy":
        law = Independent(Bernoulli(logits=reconstruction), 1)
    else:
        law = Independent(Normal(reconstruction, torch.exp(model.noise_log_variance / 2)), 1)
    likelihood, kl = model.terms(x, noise)
    assert torch.allclose(likelihood, law.log_prob(x) / 10, rtol=1e-3)
    assert torch.allclose(kl, kl_divergence(posterior, prior).sum(dim=-1) / 10, rtol=1e-4)
    objective = model.objective(x, noise, torch.zeros(()), beta=torch.tensor(0.5))
    assert torch.allclose(objective, (0.5 * kl - likelihood).mean())
    seen = model.probe(x, noise, beta=torch.tensor(0.5))
    assert torch.allclose(seen["elbo"][:, 0], likelihood - kl)
    assert torch.allclose(seen["code"], mean)


def test_a_heavier_beta_brings_the_posterior_to_the_prior():
    results = train(*[{"beta": b} for b in (0.1, 1.0, 3.0, 20.0)], **ANISOTROPIC, rate=0.25, steps=800)
    values = [observed(result) for result in results]
    assert all(np.diff([v["kl"] for v in values]) < 0)
    assert values[-1]["kl"] < 1e-3
    assert results[-1].loss == pytest.approx(1, rel=0.05)
    assert max(range(4), key=lambda i: values[i]["elbo"]) == 1


def test_a_deep_one_of_images_beats_its_linear_one_by_the_bound():
    linear, deep = (
        train(
            source="images", scaling="none", distortion="cross_entropy", architecture="variational", rate=8 / 64,
            hidden=hidden, steps=500, batch=128, learning_rate=0.005, evaluation_samples=2048,
        )[0]
        for hidden in ("", "64")
    )  # fmt: skip
    assert observed(deep)["elbo"] > observed(linear)["elbo"] + 0.003
    assert observed(deep)["elbo"] < -deep.loss


def test_log_variances_cannot_leave_the_floats():
    model = architectures["variational"](4, 2)
    model.initialise("random", torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.log_variance.bias.fill_(1e6)
        model.noise_log_variance.fill_(-1e6)
    assert torch.isfinite(
        model.objective(torch.ones(3, 4), torch.full((3, 2), 0.3), torch.zeros(()), beta=torch.ones(()))
    )


def test_an_activation_without_hidden_layers_makes_no_other_cell():
    given = {**ANISOTROPIC, "rate": 0.25}
    assert Cell.of(**given, activation="tanh").key == Cell.of(**given).key
    assert Cell.of(**given, hidden="8", activation="tanh").key != Cell.of(**given, hidden="8").key
    with pytest.raises(StudyError, match=r'beta: -1 is outside .* architecture "variational"'):
        Cell.of(**given, beta=-1.0)
