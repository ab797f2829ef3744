"""What every source must do; a new file in explorer/sources is tested here without a line being added."""

import numpy as np
import pytest
import torch

from explorer.axes import Choices, Interval
from explorer.sources import sources

SAMPLES, DIMENSION = 40_000, 5


def examples(axis):
    """Some values of a setting, its whole list where it has one."""
    if isinstance(axis.domain, Choices):
        return list(axis.domain.values)
    if isinstance(axis.domain, Interval):
        tried = (axis.default, 0.3, 1.0, 2.5)
        return [v for v in dict.fromkeys(tried) if v is not None and axis.domain.holds(v)]
    return [axis.default]


def settings_of(source):
    """One combination per value of each setting, the others at their first."""
    first = {axis.name: examples(axis)[0] for axis in source.axes}
    found = [first, *({**first, axis.name: value} for axis in source.axes for value in examples(axis)[1:])]
    by_name = {axis.name: axis for axis in source.axes}
    return [{k: v for k, v in settings.items() if by_name[k].matters(settings)} for settings in found]


CASES = [(name, settings) for name, source in sources.items() for settings in settings_of(source)]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{'-'.join(map(str, case[1].values()))}")
def case(request):
    return request.param


def uniforms(name, samples=SAMPLES, seed=0):
    """Odd multiples of 2^-24, as training draws them."""
    generator = np.random.default_rng(seed)
    bits = generator.integers(0, 2**23, (samples, sources[name].width(DIMENSION)))
    return torch.from_numpy(((bits + 0.5) * 2.0**-23).astype(np.float32))


def draw(name, settings, u):
    source = sources[name]
    table = torch.from_numpy(np.asarray(source.table(settings), dtype=np.float32))
    knobs = {a.name: torch.tensor(settings[a.name]) for a in source.axes if a.role == "knob" and a.name in settings}
    return source.sample(source.latent(u, table), **knobs)


def test_data_have_one_row_per_sample_and_one_column_per_coordinate(case):
    x = draw(*case, uniforms(case[0]))
    assert x.shape == (SAMPLES, DIMENSION)
    assert x.dtype == torch.float32
    assert torch.isfinite(x).all()


def test_coordinates_are_centred_uncorrelated_and_of_unit_variance(case):
    x = draw(*case, uniforms(case[0])).double()
    covariance = x.T @ x / SAMPLES
    error = ((x.T**2 @ x**2) / SAMPLES - covariance**2).clamp(min=1e-4).div(SAMPLES).sqrt()
    assert (covariance - torch.eye(DIMENSION)).abs().le(5 * error).all()
    assert x.mean(dim=0).abs().le(5 / SAMPLES**0.5).all()


def test_law_is_symmetric(case):
    x = draw(*case, uniforms(case[0])).flatten()
    positive, negative = (x > 0).sum().item(), (x < 0).sum().item()
    assert abs(positive - negative) <= 5 * (positive + negative) ** 0.5
    levels = torch.tensor([0.5, 0.9, 0.99])
    above, below = torch.quantile(x[x > 0], levels), torch.quantile(-x[x < 0], levels)
    torch.testing.assert_close(above, below, rtol=0.1, atol=0.02)


def test_same_uniforms_give_the_same_data_and_others_do_not(case):
    u = uniforms(case[0])
    assert torch.equal(draw(*case, u), draw(*case, u.clone()))
    assert not torch.equal(draw(*case, u), draw(*case, uniforms(case[0], seed=1)))


def test_nothing_but_the_uniforms_is_drawn(case):
    before = torch.get_rng_state()
    draw(*case, uniforms(case[0], 10))
    assert torch.equal(torch.get_rng_state(), before)


def test_sample_depends_on_its_own_uniforms_alone(case):
    u = uniforms(case[0], 20)
    torch.testing.assert_close(draw(*case, u[5:9]), draw(*case, u)[5:9], rtol=0, atol=0)


@pytest.mark.parametrize("edge", [2.0**-24, 0.5 - 2.0**-24, 0.5 + 2.0**-24, 1 - 2.0**-24])
def test_outermost_uniforms_give_finite_data(case, edge):
    u = torch.full((3, sources[case[0]].width(DIMENSION)), edge)
    assert torch.isfinite(draw(*case, u)).all()


def test_source_maps_over_cells_with_their_own_knobs(case):
    name, settings = case
    source = sources[name]
    latent = source.latent(uniforms(name, 10), torch.from_numpy(np.asarray(source.table(settings), dtype=np.float32)))
    knobs = {a.name: examples(a) for a in source.axes if a.role == "knob" and a.matters(settings)}
    cells = max((len(values) for values in knobs.values()), default=2)
    stacked = {name: torch.tensor((values * cells)[:cells]) for name, values in knobs.items()}
    mapped = torch.func.vmap(lambda z, k: source.sample(z, **k))(torch.stack([latent] * cells), stacked)
    for i, one in enumerate(mapped):
        alone = {**settings, **{name: values[i].item() for name, values in stacked.items()}}
        torch.testing.assert_close(one, draw(name, alone, uniforms(name, 10)))


def test_every_setting_has_a_default_or_a_domain_to_refuse_with():
    for source in (member for _, member in sources.items()):
        for axis in source.axes:
            assert axis.default is not None or axis.domain is not None
