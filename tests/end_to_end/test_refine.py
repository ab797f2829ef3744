"""A study that decides for itself where to look next, killed on the way."""

import os
import signal
import time

from explorer import open_store
from explorer.errors import StoreError
from tests.end_to_end.conftest import call, call_here, start

TEXT = """\
name: refined
axes:
  source: sparse
  sparsity: {from: 0.1, to: 1.0, count: 5}
  rate: 1.0
  architecture: two_layer
  dimension: 16
  seed: {count: 2}
training: {steps: 400, batch: 64, evaluation_samples: 2048}
refine: {along: sparsity, tolerance: 0.001, budget: 16, batch: 8}
"""


def rounds(store):
    try:
        return open_store(store).rounds()
    except StoreError:
        return []


def test_a_refinement_that_was_killed_goes_on_with_the_cells_it_had_proposed(tmp_path):
    study, store = tmp_path / "refined.yaml", tmp_path / "store"
    study.write_text(TEXT)
    planned = call_here("plan", study, "--out", store)
    assert "refine may add up to 16 cells" in planned.stderr
    process = start("run", study, "--out", store)
    deadline = time.monotonic() + 240
    while not rounds(store):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    (first,) = rounds(store)

    done = call("run", study, "--out", store)
    assert done.returncode == 0, done.stderr
    assert "refine, round 2:" in done.stderr
    assert "the budget is spent" in done.stderr
    found = rounds(store)
    assert found[0] == first
    assert [one.number for one in found] == [1, 2]
    table = open_store(store).to_pandas(["cell_key"])
    assert sorted(table["cell_key"]) == sorted({*open_store(store).planned_keys()})
    assert len(table) == 10 + 16

    again = call_here("run", study, "--out", store)
    assert again.returncode == 0, again.stderr
    assert "26 of 26 cells, 0 trained now" in again.stderr
    assert len(open_store(store).to_pandas(["cell_key"])) == 26
