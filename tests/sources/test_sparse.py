from itertools import pairwise

import numpy as np
import pytest
import torch

from explorer.sources import sources

SPARSITIES = [0.05, 0.3, 0.6366, 1.0]


def draw(sparsity, base="rademacher", samples=20_000, dimension=4, seed=0, **settings):
    source = sources["sparse"](dimension)
    u = torch.from_numpy(np.random.default_rng(seed).random((samples, source.width)).astype(np.float32))
    u = u.clamp(2.0**-24, 1 - 2.0**-24)
    table = torch.from_numpy(source.table({"base": base, **settings}, "training").astype(np.float32))
    return source.sample(source.latent(u, table), sparsity=torch.tensor(sparsity))


@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_share_of_non_zero_coordinates_is_the_sparsity(sparsity):
    share = (draw(sparsity) != 0).double().mean().item()
    assert share == pytest.approx(sparsity, abs=4 * np.sqrt(sparsity * (1 - sparsity) / 80_000) + 1e-12)


@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_rademacher_values_are_plus_or_minus_one_over_the_root_of_the_sparsity(sparsity):
    x = draw(sparsity)
    torch.testing.assert_close(x[x != 0].abs(), torch.full_like(x[x != 0], sparsity**-0.5))


@pytest.mark.parametrize("base", ["rademacher", "laplace", "gaussian", "uniform"])
def test_support_grows_with_the_sparsity_and_keeps_its_values(base):
    found = [(p, draw(p, base)) for p in SPARSITIES]
    for (small, less), (large, more) in pairwise(found):
        there = less != 0
        assert (more[there] != 0).all()
        torch.testing.assert_close(less[there] * small**0.5, more[there] * large**0.5)


def test_dense_source_has_no_zeros():
    assert (draw(1.0) != 0).all()


def test_support_does_not_depend_on_the_base():
    assert torch.equal(draw(0.4, "rademacher") != 0, draw(0.4, "laplace") != 0)


def test_values_are_independent_of_the_support():
    x = draw(0.5, "gaussian", samples=100_000, dimension=2)
    both = (x != 0).all(dim=1)
    assert both.double().mean().item() == pytest.approx(0.25, abs=0.01)
    assert x[both].prod(dim=1).mean().abs().item() < 0.05
