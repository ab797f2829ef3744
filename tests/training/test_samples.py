"""Training sets of a fixed size."""

import math

import pytest
import torch

from explorer.cells import Cell, Pack
from explorer.errors import StudyError
from explorer.training import PackRun

SHORT = {"source": "sparse", "architecture": "linear", "sparsity": 0.5, "dimension": 16, "rate": 0.5, "batch": 32,
         "evaluation_samples": 2048}  # fmt: skip


def cell(**settings):
    return Cell.of(**{**SHORT, "steps": 5, **settings})


def run_of(*cells):
    return PackRun(Pack(tuple(cells), len(cells)), compiled=False)


def train(*cells):
    run = run_of(*cells)
    run.advance(run.steps)
    return run.finish()


def rows(run, steps=20):
    """The distinct training samples of the first stream."""
    stream = run.pack.cells[0].stream
    drawn = torch.cat(
        [run.data.latent(stream, "training", step, run.program.batch).flatten(1) for step in range(steps)]
    )
    return {tuple(row.tolist()) for row in drawn}


def test_a_fixed_training_set_is_drawn_again_and_again():
    assert len(rows(run_of(cell(samples=10)))) == 10
    assert len(rows(run_of(cell()))) == 20 * 32


def test_the_smaller_set_is_part_of_the_larger():
    assert rows(run_of(cell(samples=10))) < rows(run_of(cell(samples=700)), steps=200)


def test_sets_of_other_seeds_are_other_sets():
    assert not rows(run_of(cell(samples=10))) & rows(run_of(cell(samples=10, seed=1)))


def test_evaluation_is_on_fresh_data_whatever_the_training_set():
    few, many = run_of(cell(samples=10)), run_of(cell())
    drawn = [run.data.latent(run.pack.cells[0].stream, "evaluation", 0, 64, "evaluation") for run in (few, many)]
    assert torch.equal(*drawn)


def test_few_samples_are_learned_by_heart_and_many_are_the_population():
    settings = {"steps": 1500, "learning_rate": 0.02}
    few, many, population = train(*(cell(samples=n, **settings) for n in (8, 20_000, math.inf)))
    assert few.objective < 0.05 * few.loss
    assert few.loss > many.loss + 0.1
    assert many.loss == pytest.approx(population.loss, abs=0.01)


def test_cells_with_and_without_a_fixed_set_share_a_pack_and_keep_their_rows():
    fixed, fresh = cell(samples=10), cell()
    together = train(fixed, fresh)
    alone = [PackRun(Pack((one,), 2), compiled=False) for one in (fixed, fresh)]
    for run, result in zip(alone, together, strict=True):
        run.advance(run.steps)
        assert run.finish()[0].loss == result.loss


@pytest.mark.parametrize("samples", [0, -1, 1.5, "many", math.nan])
def test_a_number_of_samples_that_is_none_is_refused(samples):
    with pytest.raises(StudyError, match="samples"):
        cell(samples=samples)


@pytest.mark.parametrize("written", ["inf", math.inf])
def test_inf_is_the_population_and_the_same_cell_as_nothing_written(written):
    assert cell(samples=written).key == cell().key
    assert cell(samples=written).settings["samples"] == math.inf
