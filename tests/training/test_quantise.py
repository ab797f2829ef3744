"""Weights of few bits."""

import pytest
import torch

from explorer.cells import Cell, Pack
from explorer.training import PackRun
from explorer.training.quantise import quantised

WEIGHTS = torch.randn(7, 9, generator=torch.Generator().manual_seed(0))


LARGE = torch.randn(48, 48, generator=torch.Generator().manual_seed(1))
MATRICES = {
    "gaussian": LARGE,
    "uniform": torch.rand(48, 48, generator=torch.Generator().manual_seed(2)) - 0.5,
    "identity": torch.eye(48),
    "small": WEIGHTS,
}


def least_error(weights, most):
    """Of the best distance of the levels, by trying many."""
    units = weights.abs().max() / most * torch.linspace(0.05, 1, 400)
    return min(float((torch.round(weights / u).clamp(-most, most) * u - weights).square().sum()) for u in units)


@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("name", MATRICES)
def test_levels_are_even_symmetric_and_hold_zero(name, bits):
    values = (quantised(MATRICES[name], torch.tensor(float(bits))) * 1e5).round().unique() / 1e5
    unit = values[values > 0].min()
    torch.testing.assert_close(values / unit, (values / unit).round(), atol=2e-3, rtol=0)
    assert values.numel() <= 2**bits - 1


@pytest.mark.parametrize(("name", "share"), [("gaussian", 1.1), ("identity", 1.0), ("uniform", 1.6), ("small", 1.25)])
@pytest.mark.parametrize("bits", [2, 3])
def test_few_levels_lie_where_rounding_costs_nearly_the_least(name, share, bits):
    weights, most = MATRICES[name], 2 ** (bits - 1) - 1
    found = float((quantised(weights, torch.tensor(float(bits))) - weights).square().sum())
    assert found <= share * least_error(weights, most) + 1e-9


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("name", MATRICES)
def test_more_levels_reach_to_the_largest_weight(name, bits):
    weights = MATRICES[name]
    found = quantised(weights, torch.tensor(float(bits)))
    assert float((found - weights).abs().max()) <= float(weights.abs().max()) / (2 ** (bits - 1) - 1) / 2 + 1e-5


def test_one_bit_is_the_sign_times_the_mean_magnitude():
    found = quantised(WEIGHTS, torch.tensor(1.0))
    torch.testing.assert_close(found, torch.sign(WEIGHTS) * WEIGHTS.abs().mean())


@pytest.mark.parametrize("bits", [float("inf"), 200.0])
def test_many_bits_are_the_weights_themselves(bits):
    assert torch.equal(quantised(WEIGHTS, torch.tensor(bits)), WEIGHTS)


def test_zero_weights_stay_finite():
    assert torch.equal(quantised(torch.zeros(3, 3), torch.tensor(2.0)), torch.zeros(3, 3))


@pytest.mark.parametrize("bits", [1.0, 3.0, float("inf")])
def test_the_gradient_passes_unchanged(bits):
    weights = WEIGHTS.clone().requires_grad_()
    quantised(weights, torch.tensor(bits)).square().sum().backward()
    torch.testing.assert_close(weights.grad, 2 * quantised(WEIGHTS, torch.tensor(bits)))


def losses(*bits):
    shared = {"source": "gaussian", "architecture": "linear", "dimension": 16, "rate": 0.5, "steps": 400, "batch": 64}
    cells = [Cell.of(**shared, weight_bits=b, evaluation_samples=2048, learning_rate=0.01) for b in bits]
    run = PackRun(Pack(tuple(cells), len(cells)), compiled=False)
    run.advance(run.steps)
    return [result.loss for result in run.finish()]


def test_the_loss_falls_with_the_bits_towards_that_of_full_weights():
    found = losses(2, 3, 5, 12)
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(losses("inf")[0], abs=0.002)
    assert found[0] > found[-1] + 0.02


def test_kept_minimizers_are_the_rounded_weights():
    cell = Cell.of(source="gaussian", architecture="linear", dimension=8, rate=0.5, steps=3, batch=8, weight_bits=2,
                   evaluation_samples=64)  # fmt: skip
    run = PackRun(Pack((cell,), 1), compiled=False)
    run.advance(3)
    encoder = run.finish()[0].minimizer["encoder"]
    assert len(set(abs(encoder).round(5).ravel().tolist())) == 2
