"""cluster.yaml, checked as Ray's launcher checks it, without a cloud."""

import copy
from pathlib import Path

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

PLACE = Path(__file__).parent.parent
WRITTEN = yaml.safe_load((PLACE / "cluster.yaml").read_text())


@pytest.fixture
def written():
    return copy.deepcopy(WRITTEN)


def test_launcher_accepts_the_file(written):
    prepared = prepare_config(written)
    validate_config(prepared)
    assert set(prepared["available_node_types"]) == {"head", "gpu_worker"}


def test_launcher_refuses_an_unknown_key(written):
    with pytest.raises(Exception, match="max_wrokers"):
        validate_config(prepare_config({**written, "max_wrokers": 3}))


def test_what_the_launcher_does_not_check_is_there(written):
    assert written["cluster_name"] == "explorer"
    assert written["provider"]["type"] == "aws"


def test_workers_are_spot_and_none_are_there_while_there_is_nothing_to_do(written):
    workers = {
        name: kind for name, kind in written["available_node_types"].items() if name != written["head_node_type"]
    }
    for kind in workers.values():
        assert kind["min_workers"] == 0
        assert kind["max_workers"] == written["max_workers"] == 8
        assert kind["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}


def test_every_start_asks_for_a_token(written):
    for role in ("head", "worker"):
        starts = [command for command in written[f"{role}_start_ray_commands"] if "ray start" in command]
        assert len(starts) == 1
        assert "RAY_AUTH_MODE=token" in starts[0]
    assert "~/.ray/auth_token" in written["file_mounts"]
    assert "chmod 600 ~/.ray/auth_token" in written["setup_commands"]


def test_dashboard_listens_on_the_head_alone(written):
    assert "--dashboard-host=127.0.0.1" in written["head_start_ray_commands"][-1]


def test_nodes_install_this_checkout_with_one_ray_version(written):
    assert written["file_mounts"]["~/explorer"] == "."
    [install] = [command for command in written["setup_commands"] if "pip install" in command]
    assert "~/explorer'[train]'" in install
    assert "-c ~/explorer/constraints.txt" in install
    assert "\nray==" in (PLACE / "constraints.txt").read_text()
