"""What every source must do; a new file in explorer/sources is tested here without a line being added."""

import numpy as np
import pytest
import torch

from explorer.axes import Choices, Interval
from explorer.cells import Cell, Pack
from explorer.settings import axes_of
from explorer.sources import sources
from explorer.training import PackRun
from tests.sources.cells import draw, law_of, reference, table_of, uniforms

SAMPLES, DIMENSION = 40_000, 5
# Values of settings whose domain does not list them and whose default says too little.
TRIED = {
    "eigenvalues": ["4, 0.25", "9:0.2, 1:0.8"],
    "sparsity": [0.3, 1.0],
    "samples": [],
    "patch": [0, 3],
    "intrinsic": [2, 5],
    "channels": [1],
}
CENTRED = {"gaussian", "sparse", "manifold", "noisy_signs"}
SYMMETRIC = {"gaussian", "sparse", "noisy_signs"}


def examples(axis):
    """Some values of a setting, its whole list where it has one."""
    if axis.name in TRIED:
        return TRIED[axis.name]
    if axis.kind == "bool":
        return [True, False]
    if isinstance(axis.domain, Choices):
        return list(axis.domain.values)
    if isinstance(axis.domain, Interval):
        tried = (axis.default, 0.3, 1.0, 2.5) if axis.kind == "float" else (axis.default, 1)
        return [v for v in dict.fromkeys(tried) if v is not None and axis.domain.holds(v)]
    return [axis.default]


def given(axes, name, value):
    """A setting at a value, and those that it waits for at the first value at which it matters."""
    found = {name: value}
    for parent, allowed in (axes[name].when or {}).items():
        found = {**given(axes, parent, allowed[0]), **found}
    return found


def cell_of(source, settings):
    """A cell of this source, what is not given at its default or its first example."""
    chosen = {"source": source, "architecture": "two_layer", "rate": 0.4, "seed": 3, **settings}
    if settings.get("inner", source) != "images":
        chosen["dimension"] = DIMENSION
    for axis in axes_of(source, "two_layer"):
        if not axis.derived and axis.name not in chosen and axis.name != "dimension" and axis.matters(chosen):
            chosen[axis.name] = examples(axis)[0] if axis.default is None else axis.default
    return Cell.of(**chosen)


def cases():
    """One cell per value of each setting."""
    found = {}
    for name, source in sources.items():
        axes = {axis.name: axis for axis in source.axes if not axis.derived}
        # What a mask passes on to the source beneath is tested there; here it is enough that it arrives.
        tried = {n: examples(a)[-1:] if "inner" in (a.when or {}) else examples(a) for n, a in axes.items()}
        varied = [given(axes, n, value) for n, values in tried.items() for value in values]
        for settings in [{}, *varied] if "inner" not in axes else varied:
            cell = cell_of(name, settings)
            found.setdefault(cell.key, pytest.param(cell, id="-".join([name, *map(str, settings.values())])))
    return list(found.values())


@pytest.fixture(scope="module", params=cases())
def cell(request):
    return request.param


@pytest.fixture(scope="module")
def data(cell):
    return {split: draw(cell, SAMPLES, split) for split in ("training", "evaluation")}


def kinds(cell):
    """The source and, where it is a mask, the one beneath."""
    return {str(cell.settings.get("inner", cell.settings["source"]))}


def test_data_have_one_row_per_sample_and_one_column_per_coordinate(cell, data):
    x = data["training"]
    assert x.shape == (SAMPLES, cell.settings["dimension"])
    assert x.dtype == torch.float32
    assert torch.isfinite(x).all()


def test_latent_draws_are_layers_of_the_same_dimension(cell):
    law = law_of(cell)
    latent = law.latent(uniforms(law, 7), table_of(cell, law))
    assert latent.shape == (7, latent.shape[1], cell.settings["dimension"])
    assert latent.dtype == torch.float32


@pytest.mark.parametrize("split", ["training", "evaluation"])
def test_second_moments_are_those_declared_or_the_identity(cell, data, split):
    x = data[split].double()
    found = x.T @ x / SAMPLES
    known = reference(cell)
    assert ("covariance" in known) == ("evaluation_covariance" in known)
    expected = known.get("covariance" if split == "training" else "evaluation_covariance", np.eye(x.shape[1]))
    error = (x.T.square() @ x.square() / SAMPLES - found**2).clamp(min=1e-4).div(SAMPLES).sqrt()
    # Of the thousands of entries of images some are of events so rare that their error is not known.
    within = (found - torch.from_numpy(np.asarray(expected))).abs() <= 5 * error
    assert within.double().mean() > 0.98


def test_what_is_known_of_the_law_is_of_the_right_form(cell):
    known, dimension = reference(cell), cell.settings["dimension"]
    assert known.keys() <= {"covariance", "evaluation_covariance", "dictionary"}
    for name, value in known.items():
        assert np.isfinite(value).all()
        if name == "dictionary":
            assert value.shape[0] == dimension
            np.testing.assert_allclose(np.linalg.norm(value, axis=0), 1)
        else:
            assert value.shape == (dimension, dimension)
            np.testing.assert_allclose(value, value.T, atol=1e-12)
            assert np.linalg.eigvalsh(value).min() > -1e-9


def test_mean_squared_coordinate_is_one_unless_the_scale_is_given(cell):
    if cell.settings.get("spectrum") == "blocks" or kinds(cell) == {"images"}:
        return
    known = reference(cell).get("covariance", np.eye(DIMENSION))
    assert np.trace(known) / DIMENSION == pytest.approx(1)


def test_coordinates_are_centred_where_the_source_is(cell, data):
    if kinds(cell) <= CENTRED:
        x = data["training"].double()
        assert x.mean(dim=0).abs().le(5 * x.std(dim=0) / SAMPLES**0.5).all()


def test_law_is_symmetric_where_the_source_is(cell, data):
    if not kinds(cell) <= SYMMETRIC:
        return
    x = data["training"].flatten()
    positive, negative = (x > 0).sum().item(), (x < 0).sum().item()
    assert abs(positive - negative) <= 5 * (DIMENSION * (positive + negative)) ** 0.5
    levels = torch.tensor([0.5, 0.9, 0.99])
    above, below = torch.quantile(x[x > 0], levels), torch.quantile(-x[x < 0], levels)
    torch.testing.assert_close(above, below, rtol=0.1, atol=0.02)


def test_same_uniforms_give_the_same_data_and_others_do_not(cell):
    law = law_of(cell)
    u = uniforms(law, 100)
    assert torch.equal(draw(cell, u), draw(cell, u.clone()))
    assert not torch.equal(draw(cell, u), draw(cell, uniforms(law, 100, seed=1)))


def test_nothing_but_the_uniforms_is_drawn(cell):
    before, legacy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    draw(cell, 100)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], legacy)  # noqa: NPY002


def test_sample_depends_on_its_own_uniforms_alone(cell):
    u = uniforms(law_of(cell), 20)
    # A product of matrices may be rounded otherwise in a smaller batch.
    torch.testing.assert_close(draw(cell, u[5:9]), draw(cell, u)[5:9], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("edge", [2.0**-24, 0.5 - 2.0**-24, 0.5 + 2.0**-24, 1 - 2.0**-24])
def test_outermost_uniforms_give_finite_data(cell, edge):
    assert torch.isfinite(draw(cell, torch.full((3, law_of(cell).width), edge))).all()


def test_source_maps_over_cells_with_their_own_knobs(cell):
    law = law_of(cell)
    u = uniforms(law, 10)
    latent = law.latent(u, table_of(cell, law))
    knobs = {a.name: examples(a) for a in law.axes if a.role == "knob" and a.matters(cell.settings)}
    cells = max((len(values) for values in knobs.values()), default=2)
    stacked = {name: torch.tensor((values * cells)[:cells]) for name, values in knobs.items()}
    mapped = torch.func.vmap(lambda z, k: law.sample(z, **k))(torch.stack([latent] * cells), stacked)
    for i, one in enumerate(mapped):
        alone = law.sample(latent, **{name: values[i] for name, values in stacked.items()})
        torch.testing.assert_close(one, alone)


def test_pack_with_the_source_trains(cell):
    short = Cell.of(**{**cell.settings, "steps": 3, "batch": 16, "evaluation_samples": 64})
    run = PackRun(Pack((short,), 2), compiled=False)
    run.advance(3)
    assert np.isfinite(run.finish()[0].loss)


def test_every_setting_has_a_default_or_a_domain_to_refuse_with():
    for source in (member for _, member in sources.items()):
        for axis in source.axes:
            assert axis.derived or axis.default is not None or axis.domain is not None
