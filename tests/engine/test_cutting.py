"""How cells are cut into packs for a cluster of some size."""

import heapq

import pytest

from explorer.cells import Cell, most_tiles
from explorer.engine.cutting import PackQueue


def cells(count, rate=1.0, **settings):
    return [
        Cell.of(source="sparse", architecture="two_layer", sparsity=0.5, dimension=8, rate=rate, seed=seed, **settings)
        for seed in range(count)
    ]


def widths(members, width):
    return dict.fromkeys((cell.shape_key for cell in members), width)


def ends(packs, workers):
    """When each worker ends, where one that is free takes the next pack; a cell takes a second, and so does an empty slot."""
    moments = [0] * workers
    for pack in packs:
        heapq.heapreplace(moments, moments[0] + max(pack.slots, len(pack.cells)))
    return moments


@pytest.mark.parametrize("settings", [{}, {"schedule": "plateau"}])
@pytest.mark.parametrize("workers", [1, 3, 50])
def test_every_cell_is_in_one_pack_of_its_shape(settings, workers):
    members = [cell for rate in (0.5, 1.0) for cell in cells(101, rate, **settings)]
    queue = PackQueue(members, widths(members, 4))
    packs = queue.all(workers)
    taken = [cell.key for pack in packs for cell in pack.cells]
    assert sorted(taken) == sorted(cell.key for cell in members)
    assert all(len({cell.shape_key for cell in pack.cells}) == 1 for pack in packs)
    assert queue.left == 0
    assert queue.take(workers) is None


def test_packs_become_smaller_towards_the_end_and_stay_whole_programs():
    members = cells(400, schedule="plateau")
    packs = PackQueue(members, widths(members, 4)).all(4)
    sizes = [len(pack.cells) for pack in packs]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 4 * sizes[-1]
    assert sizes[-8:] == [4] * 8
    assert {pack.width for pack in packs} == {4}


def test_a_cluster_that_grows_is_given_smaller_packs_from_then_on():
    members = cells(2000, schedule="plateau")
    queue = PackQueue(members, widths(members, 4))
    alone = len(queue.take(1).cells)
    assert len(queue.take(100).cells) < alone
    assert len(queue.take(1).cells) == alone


def test_no_workers_yet_is_a_cluster_of_one():
    members = cells(16)
    assert PackQueue(members, widths(members, 4)).all(0) == PackQueue(members, widths(members, 4)).all(1)


def test_the_same_cells_are_cut_alike_however_they_are_listed():
    members = cells(60, schedule="plateau")
    one, other = (PackQueue(m, widths(members, 4)).all(3) for m in (members, members[::-1]))
    assert [pack.key for pack in one] == [pack.key for pack in other]


def test_workers_that_start_together_take_different_shapes_the_longest_first():
    members = [cell for rate in (0.25, 0.5, 1.0) for cell in cells(64, rate)]
    packs = PackQueue(members, widths(members, 8)).all(2)
    rates = [pack.cells[0].settings["rate"] for pack in packs]
    assert rates[:2] == [1.0, 0.5]
    assert rates[-1] == 0.25


@pytest.mark.parametrize("workers", [2, 16])
def test_workers_end_together_within_the_time_of_one_program(workers):
    members = cells(64 * workers + 40, schedule="plateau")
    packs = PackQueue(members, widths(members, 4)).all(workers)
    moments = ends(packs, workers)
    assert max(moments) - min(moments) <= 4
    assert max(len(pack.cells) for pack in packs) > 4 * most_tiles(4)
