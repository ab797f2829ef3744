"""A cluster whose nodes come and go: the study ends all the same, and the store is whole."""

import json
import time

import pandas as pd
import pytest

from explorer import open_store
from explorer.errors import StoreError
from tests.end_to_end.cluster import local_cluster
from tests.end_to_end.conftest import call_here, small_study, start
from tests.object_store.server import s3_server


@pytest.fixture(params=["s3", pytest.param("folder", marks=pytest.mark.chaos_full)])
def store_uri(request, tmp_path, monkeypatch):
    """Where the store is: a name that every node can open, with what it takes to open it in the environment."""
    if request.param == "folder":
        yield str(tmp_path / "store")
        return
    pytest.importorskip("moto", reason="the endpoint is moto, of the extra `test`")
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.make_bucket("studies")
        yield server.uri("studies/scale-out")


@pytest.fixture
def cluster(store_uri):
    """Started after the store, whose environment its nodes need."""
    with local_cluster() as started:
        yield started


def wait_for_cells(uri, process):
    """The cells of a store as soon as there are any."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        try:
            table = open_store(uri).to_pandas()
        except StoreError:
            table = pd.DataFrame()
        if len(table):
            return table
        time.sleep(0.1)
    raise AssertionError("no cells in time")


def test_a_study_outlives_the_nodes_it_began_on_and_its_store_is_whole(cluster, store_uri, tmp_path):
    study = small_study(tmp_path / "study.yaml", steps=1500, pack=4)
    process = start("run", study, "--out", store_uri, "--address", cluster.address)
    before = wait_for_cells(store_uri, process)
    cluster.kill("left")
    cluster.kill("right")
    cluster.join("late")
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert said.count("too small for a pack, which is given 1 CPU") == 1

    table = open_store(store_uri).to_pandas()
    assert (len(before) < 64, len(table)) == (True, 64), (
        f"{len(before)} cells before the nodes were lost, {len(table)} after"
    )
    assert table["cell_key"].is_unique
    assert set(table["status"]) <= {"converged", "budget"}
    after = table[~table["cell_key"].isin(before["cell_key"])]
    assert len(set(after["worker"]) - set(before["worker"])) >= 1

    counted = call_here(
        "query", store_uri, "SELECT status, count(*) AS cells FROM cells GROUP BY status", "--format", "json"
    )
    assert sum(row["cells"] for row in json.loads(counted.stdout)) == 64
    fitted = call_here("boundary", store_uri, "--along", "sparsity", "--by", "rate", "--format", "json")
    assert fitted.returncode == 0, fitted.stderr
    assert {row["rate"] for row in json.loads(fitted.stdout)} == {0.5, 1.0}
    for name in ("phase_diagram", "timeline"):
        drawn = call_here("figure", store_uri, name, "--out", tmp_path / f"{name}.png")
        assert drawn.returncode == 0, drawn.stderr
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
