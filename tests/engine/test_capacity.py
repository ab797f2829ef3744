"""How many packs a cluster holds; the nodes are those that Ray would tell of."""

import pytest

from explorer.engine import cluster
from explorer.engine.cluster import Capacity

GIB = 2**30


@pytest.fixture
def nodes(monkeypatch):
    """What Ray says of its nodes: name, alive, resources."""
    import ray

    listed = []
    monkeypatch.setattr(
        ray,
        "nodes",
        lambda: [{"NodeManagerHostname": name, "Alive": alive, "Resources": has} for name, alive, has in listed],
    )
    monkeypatch.setattr(cluster, "NODES_HOLD_SECONDS", 0.0)
    return listed


def test_each_node_holds_as_many_packs_as_the_scarcest_of_its_resources(nodes):
    nodes += [
        ("wide", True, {"CPU": 16.0, "GPU": 2.0, "memory": 3.0 * GIB}),
        ("small", True, {"CPU": 4.0, "GPU": 1.0, "memory": 64.0 * GIB}),
        ("gone", False, {"CPU": 64.0, "GPU": 8.0, "memory": 640.0 * GIB}),
    ]
    assert Capacity({"CPU": 1, "GPU": 0.25, "memory": GIB}).workers() == 3 + 4
    assert Capacity({"CPU": 2, "GPU": 0, "memory": GIB}).workers() == 3 + 2


def test_three_packs_share_a_gpu_where_each_is_given_a_third(nodes):
    nodes.append(("one", True, {"CPU": 8.0, "GPU": 1.0, "memory": 64.0 * GIB}))
    assert Capacity({"CPU": 1, "GPU": 1 / 3, "memory": GIB}).workers() == 3


def test_a_node_too_small_for_a_pack_counts_for_nothing_and_is_named_with_what_it_lacks(nodes):
    nodes += [
        ("head", True, {"CPU": 0.0, "memory": 8.0 * GIB}),
        ("poor", True, {"CPU": 8.0, "memory": 0.5 * GIB}),
        ("good", True, {"CPU": 8.0, "memory": 8.0 * GIB}),
    ]
    capacity = Capacity({"CPU": 1, "GPU": 0, "memory": GIB})
    assert capacity.workers() == 8
    assert capacity.too_small() == ["head (0 CPU)", "poor (0.5 GiB of memory)"]
    assert str(capacity) == "1 CPU, 1.0 GiB of memory"


def test_nodes_that_join_and_leave_are_counted(nodes):
    capacity = Capacity({"CPU": 2})
    assert capacity.workers() == 0
    nodes.append(("first", True, {"CPU": 4.0}))
    assert capacity.workers() == 2
    nodes.append(("second", True, {"CPU": 2.0}))
    assert capacity.workers() == 3
    nodes.clear()
    assert capacity.workers() == 0
