"""Cells that go on in another run from where they were left: the same bits as if nothing had happened."""

from dataclasses import replace

import pytest

from explorer.cells import Pack
from explorer.training import PackRun
from tests.training.test_slots import cell, row, waiting

PLATEAU = {"schedule": "plateau", "steps": 1200, "tolerance": 0.05}


def left_after(pack, steps):
    run = PackRun(pack)
    run.advance(steps)
    return run.states(), run.take()


@pytest.mark.parametrize("settings", [{}, PLATEAU, {"optimizer": "sgd", "learning_rate": 0.01}])
@pytest.mark.parametrize("share", [0.13, 0.6])
def test_a_run_that_goes_on_from_states_ends_with_the_same_bits(settings, share):
    cells = waiting(**settings)
    pack = Pack(tuple(cells), 3)
    whole = {result.cell.key: result for result in PackRun(pack).train()}
    states, results = left_after(pack, int(share * cells[0].settings["steps"]) + 7)
    assert any(state.steps % 5 for state in states.values())
    left = [one for one in cells if one.key not in {result.cell.key for result in results}]
    left = left[::-1]  # in other slots, beside other neighbours
    resumed = PackRun(Pack(tuple(left), 3), states=states)
    results += resumed.train()
    assert len(results) == len(cells)
    for result in results:
        assert row(result) == row(whole[result.cell.key])


def test_a_cell_that_waits_for_its_evaluation_is_not_trained_again(monkeypatch):
    wild = cell(learning_rate=1e6, activation="identity", optimizer="sgd", steps=300)
    calm = cell(learning_rate=0.01, activation="identity", optimizer="sgd", steps=300, seed=1)
    pack = Pack((wild, calm), 2)
    states, results = left_after(pack, 30)
    assert not results
    assert states[wild.key].over
    assert not states[calm.key].over
    resumed = PackRun(pack, states=states)
    assert [slot.cell for _, slot in resumed._active] == [calm]
    resumed = {result.cell.key: result for result in resumed.train()}
    whole = {result.cell.key: result for result in PackRun(pack).train()}
    assert resumed[wild.key].status == "diverged"
    assert resumed[wild.key].steps == whole[wild.key].steps < 30
    assert row(resumed[calm.key]) == row(whole[calm.key])


def test_states_do_not_change_while_training_goes_on():
    (one,) = [cell()]
    run = PackRun(Pack((one,), 1))
    run.advance(20)
    early = run.states()[one.key]
    kept = replace(early, weights={name: value.clone() for name, value in early.weights.items()})
    run.train()
    assert all((early.weights[name] == kept.weights[name]).all() for name in kept.weights)
