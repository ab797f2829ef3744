"""Packs: what a cell's row may and may not depend on."""

import numpy as np
import pytest
import torch

from explorer.architectures import architectures
from explorer.cells import Cell, Pack
from explorer.training import PackRun

SHORT = {"source": "sparse", "architecture": "two_layer", "steps": 60, "batch": 32, "evaluation_samples": 512}


def cell(**settings) -> Cell:
    return Cell.of(**{**SHORT, "dimension": 12, "rate": 0.75, "sparsity": 0.5, **settings})


def train(cells, width=None, compiled=True):
    run = PackRun(Pack(tuple(cells), width or len(cells)), compiled=compiled)
    return {result.cell.key: result for result in run.train()}


def same_row(first, second) -> bool:
    return (
        (first.status, first.loss, first.loss_se, first.curve)
        == (second.status, second.loss, second.loss_se, second.curve)
        and first.minimizer.keys() == second.minimizer.keys()
        and all(np.array_equal(first.minimizer[k], second.minimizer[k]) for k in first.minimizer)
    )


NEIGHBOURS = [
    [],
    [{"sparsity": 0.9}],
    [{"sparsity": 0.2, "seed": 4}, {"seed": 7, "init": "identity"}, {"learning_rate": 0.1}],
    [{"sparsity": p / 10, "seed": s} for p in (2, 9) for s in (5, 6)],
    [{"base": "uniform", "sparsity": 0.7}, {"base": "generalized_gaussian", "shape": 4.0}],
]


@pytest.mark.parametrize("dimension", [12, 13])
def test_a_row_is_bit_equal_among_any_neighbours_at_one_width(dimension):
    ours = cell(dimension=dimension)
    alone = train([ours], width=5)[ours.key]
    for neighbours in NEIGHBOURS:
        others = [cell(dimension=dimension, **settings) for settings in neighbours]
        for place in {0, len(others)}:
            cells = [*others[:place], ours, *others[place:]]
            assert same_row(train(cells, width=5)[ours.key], alone)


def test_initialisation_and_draws_are_bit_equal_at_any_width():
    ours = cell()
    starts, latents = [], []
    for width in (1, 3, 8):
        run = PackRun(Pack((ours,), width), compiled=False)
        starts.append({name: value[0] for name, value in run.tiles[0].parameters.items()})
        latents.append(run.data.latent(ours.stream, "training", 5, run.program.batch))
    for start, latent in zip(starts[1:], latents[1:], strict=True):
        assert all(torch.equal(start[name], starts[0][name]) for name in start)
        assert torch.equal(latent, latents[0])


def test_losses_at_other_widths_agree_to_the_stated_tolerance():
    ours = cell(activation="tanh", steps=30)
    losses = [train([ours], width=width)[ours.key].loss for width in (1, 2, 7)]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-4)


def test_uncompiled_training_agrees_with_compiled():
    ours = cell(activation="erf", steps=30)
    compiled, eager = (train([ours], width=2, compiled=flag)[ours.key] for flag in (True, False))
    assert eager.loss == pytest.approx(compiled.loss, rel=1e-4)


def test_a_diverging_cell_harms_no_neighbour():
    calm = cell(optimizer="sgd", activation="identity", learning_rate=0.01)
    wild = cell(optimizer="sgd", activation="identity", learning_rate=1e6)
    together = train([wild, calm], width=3)
    assert together[wild.key].status == "diverged"
    assert together[wild.key].loss is None
    assert 0 < together[wild.key].steps <= wild.settings["steps"]
    assert same_row(together[calm.key], train([calm], width=3)[calm.key])
    assert together[calm.key].status in ("converged", "budget")


def plain_pytorch(ours: Cell) -> float:
    """The same cell by an ordinary loop: one module, autograd, torch.optim."""
    run = PackRun(Pack((ours,), 1), compiled=False)
    model = run.program.start(ours)
    knobs = {k: torch.tensor(v) for k, v in ours.knobs.items()}
    inner = {k: knobs[k] for k in ("surrogate_width",) if k in knobs}
    source = run.program.source
    optimizer = {
        "adam": lambda p: torch.optim.Adam(p, lr=ours.knobs["learning_rate"]),
        "sgd": lambda p: torch.optim.SGD(p, lr=ours.knobs["learning_rate"], momentum=0.9),
    }[ours.settings["optimizer"]](model.parameters())
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, run.steps)
    for step in range(run.steps):
        x = source.sample(run.data.latent(ours.stream, "training", step, run.program.batch), sparsity=knobs["sparsity"])
        optimizer.zero_grad()
        (x - model(x, **inner)).square().mean().backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.encoder /= model.encoder.norm(dim=1, keepdim=True)
    with torch.no_grad():
        x = source.sample(run.data.latent(ours.stream, "evaluation", 0, 512), sparsity=knobs["sparsity"])
        return float((x - model(x, **inner)).square().mean())


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("tied", [False, True])
def test_packed_training_equals_an_ordinary_loop(optimizer, tied):
    rate = {"adam": 0.01, "sgd": 0.5}[optimizer]
    ours = cell(activation="tanh", steps=40, optimizer=optimizer, tied=tied, learning_rate=rate)
    packed = train(
        [cell(activation="tanh", steps=40, optimizer=optimizer, tied=tied, learning_rate=rate, seed=3), ours]
    )
    assert packed[ours.key].loss == pytest.approx(plain_pytorch(ours), rel=1e-4)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("activation", ["sign", "tanh", "erf", "relu", "identity"])
def test_every_activation_learns(activation, tied):
    """Compiled with untied weights; that tied ones compile, `test_packed_training_equals_an_ordinary_loop` shows."""
    ours = cell(activation=activation, tied=tied, rate=1.5, steps=150, learning_rate=0.03, sparsity=1.0)
    result = train([ours], compiled=not tied)[ours.key]
    first = result.curve[0][1]
    assert result.loss < first
    np.testing.assert_allclose(np.linalg.norm(result.minimizer["encoder"], axis=1), 1, atol=1e-5)
    if tied:
        scale = result.minimizer["decoder"] / result.minimizer["encoder"].T
        np.testing.assert_allclose(scale, scale.flat[0], rtol=1e-4)


def test_the_sign_never_returns_zero():
    model = architectures["two_layer"](3, 3, activation="sign")
    model.initialise("identity", torch.Generator().manual_seed(0))
    reconstruction = model(torch.zeros(1, 3), surrogate_width=torch.tensor(0.2))
    assert torch.equal(reconstruction, torch.ones(1, 3))


def test_reported_loss_is_the_population_loss():
    """At p = 1 an exact identity reconstructs Rademacher data exactly, and A = 0 would lose 1 per coordinate."""
    exact = cell(dimension=8, rate=1.0, sparsity=1.0, init="identity", steps=1, learning_rate=1e-9)
    assert train([exact], compiled=False)[exact.key].loss == pytest.approx(0.0, abs=1e-12)


def test_the_curve_holds_mean_losses_up_to_the_last_step():
    ours = cell(steps=250)
    curve = train([ours], width=5)[ours.key].curve
    steps = [step for step, _ in curve]
    assert steps == sorted(set(steps))
    assert steps[-1] == 250
    assert len(steps) <= 100


def test_training_that_has_not_settled_is_budget_and_settled_training_converged():
    hasty = cell(steps=60, activation="relu", learning_rate=0.003, schedule="constant", dimension=24, batch=128)
    settled = cell(steps=600, activation="identity", learning_rate=0.03, batch=128)
    assert train([hasty], compiled=False)[hasty.key].status == "budget"
    assert train([settled], compiled=False)[settled.key].status == "converged"


def test_slices_do_not_change_the_result():
    ours = cell()
    whole = train([ours], width=5)[ours.key]
    run = PackRun(Pack((ours,), 5))
    while not run.finished:
        run.advance(7)
    assert same_row(run.finish()[0], whole)
