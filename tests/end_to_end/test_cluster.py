"""The same command on a cluster of several nodes."""

import pytest
from ray.cluster_utils import Cluster

from explorer import open_store
from tests.end_to_end.conftest import call, small_study


@pytest.fixture
def cluster():
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    yield nodes
    nodes.shutdown()


@pytest.mark.chaos_full
def test_a_study_runs_on_a_cluster_into_a_relative_store(cluster, tmp_path, monkeypatch):
    study = small_study(tmp_path / "study.yaml", sparsity="[0.4, 0.8]", pack=4)
    monkeypatch.chdir(tmp_path)
    done = call("run", study, "--out", "store", "--address", cluster.address)
    assert done.returncode == 0, done.stderr
    table = open_store(tmp_path / "store").to_pandas()
    assert len(table) == 16
    assert table["cell_key"].is_unique
    assert table["pack_key"].nunique() == 4
