"""Rivals of the benchmark do the same job as explorer: cell by cell the same loss, on the same draws."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import pytest

from benchmarks.rivals import explorer_run, hfta, jax_vmap, plain
from benchmarks.rivals.evaluation import loss
from benchmarks.rivals.task import Minimizer, Task, from_completions

TASK = Task(dimension=8, seeds=(0, 1), sparsities=(0.3, 1.0), steps=20, activation="tanh")


def losses(minimizers: list[Minimizer]) -> list[float]:
    return [loss(each, TASK.activation, sparsity) for each, (_, sparsity) in zip(minimizers, TASK.cells, strict=True)]


@pytest.fixture(scope="module")
def ours() -> list[float]:
    return losses(explorer_run.pack(TASK, compiled=False).minimizers)


@pytest.mark.parametrize("rival", [plain, hfta, jax_vmap], ids=lambda rival: rival.__name__.rpartition(".")[2])
def test_a_rival_trains_the_same_cells(rival, ours):
    if rival is jax_vmap and importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")
    assert losses(rival.prepare(TASK)()) == pytest.approx(ours, rel=1e-3)


def test_training_changes_the_loss(ours):
    untrained = losses(plain.prepare(replace(TASK, steps=0))())
    assert all(after < 0.9 * before for after, before in zip(ours, untrained, strict=True))


def test_parts_hold_every_cell_once():
    task = Task(8, tuple(range(5)), (0.3, 1.0))
    assert [cell for part in task.parts(3) for cell in part.cells] == task.cells


def test_cost_of_a_cell_leaves_start_up_out():
    outcome = from_completions([], begin=0.0, finished=[7.0, 7.0, 9.0, 9.0, 11.0, 11.0], together=2)
    assert (outcome.per_cell, outcome.start_up) == (1.0, 5.0)
