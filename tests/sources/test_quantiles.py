import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from explorer.sources.quantiles import quantile_table, symmetric
from explorer.theory import first_absolute_moment


def gennorm(shape):
    return stats.gennorm(shape, scale=1 / stats.gennorm(shape).std())


LAWS = [
    ("gaussian", None, stats.norm()),
    ("laplace", None, stats.laplace(scale=1 / np.sqrt(2))),
    ("uniform", None, stats.uniform(-np.sqrt(3), 2 * np.sqrt(3))),
    *(("generalized_gaussian", shape, gennorm(shape)) for shape in (0.5, 1.0, 1.5, 2.0, 4.0, 16.0)),
]
IDS = [f"{base}-{shape}" for base, shape, _ in LAWS]
GRID = (np.arange(2**16) + 0.5) / 2**16


def draws(base, shape):
    """The law at an even grid of uniforms: its quantile function, and its moments without noise."""
    table = torch.from_numpy(quantile_table(base, shape))
    return symmetric(torch.from_numpy(GRID), table).numpy()


@pytest.mark.parametrize(("base", "shape", "law"), LAWS, ids=IDS)
def test_draws_follow_the_quantiles_of_the_law(base, shape, law):
    tolerance = 1e-3 if shape is not None and shape < 1 else 1e-5
    np.testing.assert_allclose(draws(base, shape), law.ppf(GRID), atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize(("base", "shape", "law"), LAWS, ids=IDS)
def test_tail_quantiles_are_right_as_far_as_uniforms_reach(base, shape, law):
    table = torch.from_numpy(quantile_table(base, shape))
    for tail in (1e-3, 1e-5, 2.0**-22):
        found = symmetric(torch.tensor([1 - tail], dtype=torch.float64), table).item()
        assert found == pytest.approx(law.isf(tail), rel=1e-3)


@pytest.mark.parametrize(("base", "shape"), [("rademacher", None), *((b, s) for b, s, _ in LAWS)])
def test_first_and_second_absolute_moments_agree_with_theory(base, shape):
    x = draws(base, shape)
    heavy = shape is not None and shape < 1
    assert np.abs(x).mean() == pytest.approx(first_absolute_moment(base, shape), rel=2e-3 if heavy else 2e-4)
    assert (x**2).mean() == pytest.approx(1, rel=3e-2 if heavy else 2e-3)


@pytest.mark.parametrize("base", ["rademacher", "gaussian", "uniform", "laplace"])
@given(bits=st.integers(0, 2**23 - 1))
def test_mirrored_uniform_gives_the_mirrored_draw(base, bits):
    table = torch.from_numpy(quantile_table(base).astype(np.float32))
    u = torch.tensor([(bits + 0.5) * 2.0**-23], dtype=torch.float64)
    assert symmetric(1 - u, table).item() == -symmetric(u, table).item()


@pytest.mark.parametrize(("base", "shape"), [("gaussian", None), ("laplace", None), ("generalized_gaussian", 0.5)])
def test_table_increases_from_zero(base, shape):
    table = quantile_table(base, shape)
    assert table[0] == 0
    assert (np.diff(table) > 0).all()
    assert np.isfinite(table).all()


@pytest.mark.parametrize("shape", [0.2501, 0.5, 64.0])
def test_table_is_finite_over_the_whole_domain_of_the_shape(shape):
    assert np.isfinite(quantile_table("generalized_gaussian", shape)).all()


def test_unknown_base_is_refused():
    with pytest.raises(ValueError, match="no quantiles for base 'cauchy'"):
        quantile_table("cauchy")
