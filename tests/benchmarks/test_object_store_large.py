"""The store that is made for counting requests: each state holds every cell once, and no reader opens what was replaced."""

import sys
from pathlib import Path

from explorer.store import open_store

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import object_store_large as large

PARTS, PILE, UNMERGED = 90, 30, 10


def test_every_state_holds_every_cell_once(tmp_path, monkeypatch):
    monkeypatch.setattr(large, "PILE", PILE)
    monkeypatch.setattr(large, "UNMERGED", UNMERGED)
    found = {}
    for state, folder in large.states(tmp_path, PARTS):
        store = open_store(folder)
        status = store.status()
        keys = store.keys()
        assert len(keys) == status["cells"] == status["done"] == PARTS * large.made_up.SPARSITIES
        assert keys == store.planned_keys()
        found[state] = status["parts"], status["replaced"]
    merged = -(-(PARTS - UNMERGED) // PILE)
    assert found == {
        "kept tidy, replaced listed": (merged + UNMERGED, PARTS - UNMERGED),
        "kept tidy": (merged + UNMERGED, 0),
        "compacted, replaced listed": (1, PARTS + merged),
        "compacted": (1, 0),
    }
