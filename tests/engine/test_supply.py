"""What Ray Tune is handed, and what it holds on to."""

import copy
import pickle

import pytest

from explorer.cells import Cell, Pack
from explorer.engine.cutting import PackQueue
from explorer.engine.supply import PackedCells, PackSupply


def cells(count):
    return [
        Cell.of(source="sparse", architecture="two_layer", sparsity=0.1 + 0.01 * i, dimension=8, rate=1.0, seed=i)
        for i in range(count)
    ]


def supply(count, width=4, workers=lambda: 2):
    members = cells(count)
    return PackSupply(PackQueue(members, {members[0].shape_key: width}), workers)


def test_a_pack_arrives_as_it_was_sent():
    pack = Pack(tuple(cells(7)), 4)
    arrived = pickle.loads(pickle.dumps(PackedCells(pack))).pack()
    assert arrived == pack
    assert arrived.key == pack.key


def test_packs_are_handed_out_until_all_cells_are_and_no_more():
    given = supply(30)
    configs = []
    while (config := given.suggest(f"trial{len(configs)}")) != given.FINISHED:
        configs.append(config)
    assert [config["pack"] for config in configs] == list(range(len(configs)))
    assert sorted(cell.key for config in configs for cell in config["cells"].pack().cells) == sorted(
        cell.key for cell in cells(30)
    )


def test_a_pack_that_is_done_takes_no_more_memory_and_one_that_failed_is_kept():
    given = supply(30)
    done, _ = (copy.deepcopy(given.suggest(name)) for name in ("done", "failed"))
    pack = given.open[1]
    given.on_trial_complete("done", {})
    given.on_trial_complete("failed", error=True)
    assert len(pickle.dumps(done["cells"])) < 200
    assert given.open == {1: pack}
    with pytest.raises(RuntimeError, match="is done"):
        done["cells"].pack()


def test_a_cluster_without_a_node_yet_is_asked_for_many_packs_and_not_for_a_few_long_ones():
    waiting = supply(90, workers=lambda: 0)
    assert len(waiting.suggest("first")["cells"].pack().cells) == 4


@pytest.mark.parametrize(("workers", "seconds"), [(2, 1.0), (1000, 10.0)])
def test_a_thousand_workers_report_no_more_often_than_tune_can_hear(workers, seconds):
    assert supply(30, workers=lambda: workers).suggest("trial")["slice"] == seconds
