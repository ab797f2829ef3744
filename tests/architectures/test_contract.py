"""What every architecture must do; a new file in explorer/architectures is tested here without a line being added."""

import math

import numpy as np
import pytest
import torch

from explorer.architectures import architectures
from explorer.axes import Choices
from explorer.cells import Cell, Pack
from explorer.observables import observables, observe
from explorer.settings import axes_of, resolve
from explorer.training import PackRun

DIMENSION = 16
SHORT = {"source": "gaussian", "dimension": DIMENSION, "rate": 0.5, "steps": 30, "batch": 32, "evaluation_samples": 256}


def fits(settings):
    """Settings as one cell has them, or None where the architecture refuses their combination."""
    try:
        return resolve({**SHORT, **settings})
    except Exception:
        return None


def variants(name):
    """One combination per value of each setting that is a choice or a switch, the others at their defaults."""
    found = [{}]
    for axis in architectures[name].axes:
        values = (
            axis.domain.values if isinstance(axis.domain, Choices) else (False, True) if axis.kind == "bool" else ()
        )
        parents = {parent: allowed[0] for parent, allowed in (axis.when or {}).items()}
        found += [{**parents, axis.name: value} for value in values if value != axis.default]
    found += [{"init": init} for init in architectures[name].inits[1:]]
    return [{"architecture": name, **settings} for settings in found if fits({"architecture": name, **settings})]


CASES = [settings for name in architectures for settings in variants(name)]


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case.values())))
def case(request):
    return request.param


@pytest.fixture(params=list(architectures))
def name(request):
    return request.param


def cell(**settings):
    return Cell.of(**{**SHORT, **settings})


def train(cells, width=None, compiled=False):
    run = PackRun(Pack(tuple(cells), width or len(cells)), compiled=compiled)
    run.advance(run.steps)
    return {result.cell.key: result for result in run.finish()}


def same_row(first, second):
    return (
        (first.status, first.loss, first.loss_se, first.objective, first.curve)
        == (second.status, second.loss, second.loss_se, second.objective, second.curve)
        and first.minimizer.keys() == second.minimizer.keys()
        and all(np.array_equal(first.minimizer[k], second.minimizer[k]) for k in first.minimizer)
        and first.probe.keys() == second.probe.keys()
        and all(np.array_equal(first.probe[k], second.probe[k]) for k in first.probe)
    )


def test_training_lowers_its_objective_and_gives_a_finite_row(case):
    ours = cell(**case, steps=150, learning_rate=0.01)
    result = train([ours])[ours.key]
    assert result.status in ("converged", "budget")
    assert math.isfinite(result.loss)
    assert result.loss_se > 0
    curve = [value for _, value in result.curve]
    assert np.mean(curve[-15:]) < np.mean(curve[:3]) + 0.05
    assert result.loss < 1.3
    assert all(np.isfinite(value).all() for value in result.minimizer.values())


def test_packed_row_is_that_of_the_cell_alone(case):
    ours = cell(**case)
    alone = train([ours], width=4)[ours.key]
    others = [cell(**case, seed=5), cell(**case, learning_rate=0.003), cell(**case, seed=6, learning_rate=0.1)]
    assert same_row(train([others[0], ours, *others[1:]])[ours.key], alone)
    assert same_row(train([*others, ours])[ours.key], alone)


def test_width_of_the_pack_changes_no_more_than_rounding(name):
    ours = cell(architecture=name, steps=10)
    losses = [train([ours], width=width)[ours.key].loss for width in (1, 3)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


def test_diverging_neighbour_does_no_harm(name):
    calm = cell(architecture=name, optimizer="sgd", learning_rate=1e-3)
    wild = cell(architecture=name, optimizer="sgd", learning_rate=1e30)
    together = train([wild, calm], width=3)
    assert same_row(together[calm.key], train([calm], width=3)[calm.key])
    assert together[calm.key].status in ("converged", "budget")
    assert together[wild.key].status == "diverged" or math.isfinite(together[wild.key].loss)


def test_compiled_training_agrees_with_uncompiled(name):
    """With two layers where their number can be set: a third is the second's code again, and takes the compiler as long."""
    layers = {"layers": 2} if "layers" in cell(architecture=name).settings else {}
    ours = cell(architecture=name, steps=5, **layers)
    compiled, eager = (train([ours], width=2, compiled=flag)[ours.key] for flag in (True, False))
    assert compiled.loss == pytest.approx(eager.loss, rel=2e-3)


def test_seeds_start_differently_and_one_seed_always_alike(case):
    starts = []
    for seed in (0, 0, 1):
        run = PackRun(Pack((cell(**case, seed=seed),), 1), compiled=False)
        starts.append(
            torch.cat(
                [value.flatten() for value in (*run.tiles[0].parameters.values(), *run.tiles[0].buffers.values())]
            )
        )
    assert torch.equal(starts[0], starts[1])
    assert case.get("init", "random") != "random" or not torch.equal(starts[0], starts[2])


def test_start_draws_from_its_own_generator_alone(case):
    before = torch.get_rng_state()
    PackRun(Pack((cell(**case),), 1), compiled=False)
    assert torch.equal(torch.get_rng_state(), before)


def test_trained_parameters_lie_on_the_constraint_set(case):
    run = PackRun(Pack((cell(**case),), 1), compiled=False)
    run.advance(5)
    constrained = torch.func.vmap(run.program.model.constrain)(run.tiles[0].parameters)
    for key, value in constrained.items():
        torch.testing.assert_close(value, run.tiles[0].parameters[key], atol=1e-5, rtol=1e-5)


def test_observables_of_the_row_lie_in_their_ranges(case):
    ours = cell(**case)
    result = train([ours])[ours.key]
    for observed, value in observe({**result.probe, **result.minimizer}).items():
        if value is not None:
            assert observables[observed].range.holds(round(value, 6)), (observed, value)


@pytest.mark.parametrize("rate", [1 / DIMENSION, 1.0, 2.0])
def test_any_code_length_trains_or_is_refused_by_name(name, rate):
    settings = fits({"architecture": name, "rate": rate})
    if settings is None:
        with pytest.raises(Exception, match="rate"):
            cell(architecture=name, rate=rate)
    else:
        ours = cell(architecture=name, rate=rate, steps=5)
        assert math.isfinite(train([ours])[ours.key].loss)


def test_weights_of_many_bits_are_the_weights(name):
    exact, rounded = cell(architecture=name, steps=5), cell(architecture=name, steps=5, weight_bits=40)
    losses = [train([ours])[ours.key].loss for ours in (exact, rounded)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_weights_of_two_bits_have_at_most_three_values(name):
    ours = cell(architecture=name, steps=5, weight_bits=2)
    result = train([ours])[ours.key]
    assert math.isfinite(result.loss)
    for key in ("encoder", "decoder"):
        if key in result.minimizer and name != "random_encoder":
            assert len(np.unique(np.abs(result.minimizer[key]).round(5))) <= 3


def test_settings_have_a_default_or_a_domain_and_need_no_more_than_defaults(name):
    for axis in axes_of("gaussian", name):
        assert axis.default is not None or axis.domain is not None or axis.name in ("source", "architecture")
        if axis.neutral is not None:
            assert axis.neutral == axis.default
    assert fits({"architecture": name}) is not None


def test_same_settings_with_new_ones_left_out_or_at_neutral_are_one_cell(name):
    neutral = {
        a.name: a.neutral
        for a in axes_of("gaussian", name)
        if a.neutral is not None and a.matters(cell(architecture=name).settings)
    }
    assert cell(architecture=name, **neutral).key == cell(architecture=name).key
