"""Slots: cells that wait, cells that have converged, and programs that are compiled once."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from explorer.cells import Cell, Pack, make_packs
from explorer.errors import StudyError
from explorer.training import PackRun
from explorer.training.program import compilations, program
from explorer.training.stopping import SHORTEST, Plateau, look_every, settled

SHORT = {"source": "sparse", "architecture": "two_layer", "dimension": 12, "rate": 0.75, "batch": 32,
         "evaluation_samples": 512}  # fmt: skip


def cell(**settings) -> Cell:
    return Cell.of(**{**SHORT, "steps": 60, "sparsity": 0.5, **settings})


def waiting(**settings) -> list[Cell]:
    return [cell(sparsity=p / 10, seed=seed, **settings) for seed in range(2) for p in (2, 5, 8, 10)]


def train(cells, width, compiled=True):
    return PackRun(Pack(tuple(cells), width), compiled=compiled).train()


def row(result):
    arrays = {name: value.tobytes() for name, value in result.minimizer.items()}
    return result.cell.key, result.status, result.steps, result.loss, result.loss_se, result.curve, arrays


@pytest.mark.parametrize("width", [1, 3, 8])
@pytest.mark.parametrize("settings", [{}, {"schedule": "plateau", "steps": 600, "tolerance": 0.05}])
def test_a_row_depends_neither_on_its_tile_nor_on_when_its_cell_began(settings, width):
    cells = waiting(**settings)
    together = train(cells, width)
    assert [result.cell for result in together] == cells
    for result in together[::3]:
        assert row(train([result.cell], width)[0]) == row(result)


def test_nothing_is_compiled_again_over_a_whole_study():
    cells = waiting(schedule="plateau", steps=400, dimension=11)
    train(cells[:3], width=3)
    before = compilations()
    for pack in make_packs(cells, {cells[0].shape_key: 3}, packs=1):
        assert len(pack.cells) == len(cells)
        PackRun(pack).train()
    train(waiting(schedule="plateau", steps=400, dimension=11, learning_rate=0.01, init="identity"), width=3)
    assert compilations() == before


def test_a_compiled_program_is_read_from_disk_by_the_next_process(tmp_path):
    script = """
import json, torch._dynamo.utils
from explorer.cells import Cell, Pack
from explorer.training import PackRun
cell = Cell.of(source="sparse", architecture="linear", dimension=5, rate=0.6, sparsity=0.5, steps=2, batch=8, evaluation_samples=8)
PackRun(Pack((cell,), 1)).train()
counts = torch._dynamo.utils.counters["inductor"]
print(json.dumps([counts["fxgraph_cache_hit"], counts["fxgraph_cache_miss"]]))
"""
    environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    found = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        found.append(json.loads(done.stdout))
    assert found[0] == [0, 2]
    assert found[1] == [2, 0]


def test_a_diverged_cell_leaves_its_slot_to_the_next():
    linear = {"activation": "identity", "optimizer": "sgd", "steps": 300}
    wild = [cell(learning_rate=1e6, sparsity=0.9 - seed / 10, seed=seed, **linear) for seed in range(4)]
    calm = cell(learning_rate=0.01, **linear)
    run = PackRun(Pack((*wild, calm), 1), compiled=False)
    results = run.train()
    assert [result.status for result in results[:4]] == ["diverged"] * 4
    assert all(result.steps < 50 for result in results[:4])
    assert results[4].loss is not None
    assert row(train([calm], width=1, compiled=False)[0])[1:] == row(results[4])[1:]


def test_cells_of_the_plateau_end_when_they_have_converged_and_not_after_their_budget():
    common = {"schedule": "plateau", "steps": 5000, "batch": 128, "tolerance": 0.02}
    slow = cell(learning_rate=0.008, sparsity=1.0, **common)
    results = train([*waiting(**common), slow], width=9, compiled=False)
    assert max(results, key=lambda result: result.steps).cell == slow
    assert {result.status for result in results} == {"converged"}
    steps = {result.steps for result in results}
    assert len(steps) > 1
    assert 2 * SHORTEST <= min(steps) < max(steps) < 5000


def test_a_budget_that_is_too_short_is_used_to_its_end():
    (result,) = train([cell(schedule="plateau", steps=90, tolerance=1e-6)], width=1, compiled=False)
    assert (result.status, result.steps) == ("budget", 90)
    assert result.curve[-1][0] == 90


def test_the_rate_is_at_its_peak_until_the_loss_has_settled_and_then_goes_down_to_zero():
    plateau = Plateau(steps=3000, tolerance=0.01, rate=0.02)
    every = look_every(3000)
    losses = [1.0 / (1 + 0.01 * i) for i in range(10)]  # falls all the time
    plateau.look(10 * every, losses)
    assert plateau.descent is None
    assert plateau.factors(np.array([0, 100, 10**6])).tolist() == [1, 1, 1]
    losses = [0.5] * 20
    plateau.look(20 * every, losses)
    assert plateau.converged
    assert plateau.descent == (600, 1200)
    assert plateau.end == 1200
    assert plateau.factors(np.array([600, 900, 1199, 1200])).tolist() == pytest.approx([1, 0.5, 1 / 600, 0])


def test_a_slow_rate_is_given_time_to_begin():
    plateau = Plateau(steps=20_000, tolerance=0.01, rate=0.002)
    plateau.look(3000, [0.5] * 60)
    assert plateau.descent is None
    plateau.look(4000, [0.5] * 80)
    assert plateau.descent == (4000, 8000)


@pytest.mark.parametrize(
    ("losses", "tolerance", "expected"),
    [
        ([], 0.1, False),
        ([1.0, 1.0, 1.0], 0.1, False),
        ([1.0] * 4, 0.1, True),
        ([4, 3, 2, 1], 0.4, False),
        ([4, 3, 2, 1], 0.6, True),
        ([1, 1, 1, 1.2], 0.01, True),
        ([t**-0.5 for t in range(1, 1001)], 0.1, False),  # a power law looks alike on every scale
        ([t**-0.5 for t in range(1, 100_001)], 0.1, False),
        ([float("nan")] * 8, 0.1, False),
    ],
)
def test_what_settled_means(losses, tolerance, expected):
    assert settled(losses, tolerance) is expected


def test_the_plateau_refuses_a_surrogate_that_needs_the_length_of_training():
    with pytest.raises(StudyError, match="schedule: plateau has no length that is known beforehand"):
        cell(schedule="plateau", surrogate="annealed")


def test_a_tolerance_beside_another_schedule_makes_no_other_cell():
    assert "tolerance" not in cell().settings
    assert cell(schedule="plateau").settings["tolerance"] == 0.003


def test_the_step_of_a_gpu_works_in_place_and_says_the_same():
    """CUDA graphs replay addresses: what such a program changes, it changes where it is."""
    ours = cell(optimizer="adam")
    shape = tuple(sorted(ours.shape.items()))
    ends = []
    for device in ("cpu", "cuda"):
        run = PackRun(Pack((ours,), 2), compiled=False)
        run.tiles[0].program = program(shape, 2, device, False)
        first = dict(run.tiles[0].parameters)
        run.advance(5)
        assert (run.tiles[0].parameters["encoder"] is first["encoder"]) == (device == "cuda")
        ends.append(run.tiles[0].parameters)
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
