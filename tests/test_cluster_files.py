"""The files of docs/clusters, checked without a cloud: what a launcher, an operator and a batch system would read."""

import copy
import re
import subprocess
from pathlib import Path
from typing import Literal

import pytest
import typer
import yaml
from pydantic import BaseModel, ConfigDict, Field
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.scripts.scripts import cli

from explorer.cli import app

PLACE = Path(__file__).parent.parent
FOLDER = PLACE / "docs" / "clusters"
LAUNCHED = [PLACE / "cluster.yaml", FOLDER / "gcp.yaml", FOLDER / "on-premise.yaml"]


def options(program, command):
    """The long options of a command."""
    return {name for option in program.commands[command].params for name in option.opts if name.startswith("--")}


@pytest.fixture(scope="module")
def known():
    """The options of the commands that the files use."""
    ray = {name: options(cli, name) for name in ("start", "symmetric-run", "get-auth-token", "exec")}
    own = {name: options(typer.main.get_command(app), name) for name in ("plan", "run", "doctor", "status")}
    # What symmetric-run does not know goes to ray start, on every node: not the options of a head alone.
    started = ray["start"] - {"--head", "--node-ip-address", "--port", "--block", "--include-dashboard"}
    return {
        **{f"explorer {name}": there for name, there in own.items()},
        **{f"ray {name}": there for name, there in ray.items()},
        "ray symmetric-run": ray["symmetric-run"] | started,
    }


@pytest.mark.parametrize("path", LAUNCHED, ids=lambda path: path.stem)
def test_the_launcher_accepts_the_file_and_refuses_it_with_an_unknown_key(path):
    written = yaml.safe_load(path.read_text())
    prepared = prepare_config(copy.deepcopy(written))
    validate_config(prepared)
    assert prepared["head_node_type"] in prepared["available_node_types"]
    assert written["cluster_name"] == "explorer"
    assert written["provider"]["type"] in ("aws", "gcp", "local")
    with pytest.raises(Exception, match="max_wrokers"):
        validate_config(prepare_config({**written, "max_wrokers": 3}))


@pytest.mark.parametrize("path", LAUNCHED, ids=lambda path: path.stem)
def test_every_cluster_starts_with_a_token_a_dashboard_on_loopback_and_one_environment(path):
    written = yaml.safe_load(path.read_text())
    for role in ("head", "worker"):
        [start] = [command for command in written[f"{role}_start_ray_commands"] if "ray start" in command]
        assert "RAY_AUTH_MODE=token" in start
        assert ("--dashboard-host=127.0.0.1" in start) == (role == "head")
    assert written["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    assert "chmod 600 ~/.ray/auth_token" in written["setup_commands"]
    assert written["file_mounts"]["~/explorer"] == "."
    [install] = [command for command in written["setup_commands"] if "pip install" in command]
    assert "-c ~/explorer/constraints.txt ~/explorer'[train]'" in install


@pytest.mark.parametrize("path", LAUNCHED[:2], ids=lambda path: path.stem)
def test_in_a_cloud_workers_are_spot_with_a_role_of_their_own_and_nothing_is_trained_on_the_head(path):
    written = yaml.safe_load(path.read_text())
    kinds = written["available_node_types"]
    assert kinds.keys() == {"head", "gpu_worker"}
    assert kinds["gpu_worker"]["max_workers"] == written["max_workers"]
    assert kinds["head"]["resources"] == {"CPU": 0}
    worker = kinds["gpu_worker"]
    assert (worker["min_workers"], worker["resources"]["GPU"]) == (0, 1)
    assert "SPOT" in str(worker["node_config"]).upper()
    assert "explorer-worker" in str(
        worker["node_config"].get("IamInstanceProfile", worker["node_config"].get("serviceAccounts"))
    )


class _Loader(yaml.SafeLoader):
    """CloudFormation's short forms as plain values."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: f"{suffix} {node.value}")


def test_the_roles_of_aws_are_those_of_the_cluster_file_and_write_to_one_bucket():
    template = yaml.load((FOLDER / "aws-iam.yaml").read_text(), Loader=_Loader)
    resources = template["Resources"]
    profiles = {
        r["Properties"]["InstanceProfileName"] for r in resources.values() if r["Type"].endswith("InstanceProfile")
    }
    kinds = yaml.safe_load(LAUNCHED[0].read_text())["available_node_types"].values()
    assert {kind["node_config"]["IamInstanceProfile"]["Name"] for kind in kinds} == profiles
    storage = resources["Storage"]["Properties"]["PolicyDocument"]["Statement"]
    assert all("${Bucket}" in statement["Resource"] for statement in storage)
    assert "s3:*" not in str(template)
    [head] = resources["HeadRole"]["Properties"]["Policies"]
    passed = [s["Resource"] for s in head["PolicyDocument"]["Statement"] if s["Action"] == "iam:PassRole"]
    assert passed == ["GetAtt WorkerRole.Arn"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Port(_Strict):
    containerPort: int
    name: Literal["gcs-server", "dashboard"]


class _Resources(_Strict):
    requests: dict[str, str]
    limits: dict[str, str]


class _Container(_Strict):
    name: str
    image: str = Field(pattern=r"^[^:]+:[^:]+$")
    ports: list[_Port] = []
    resources: _Resources


class _Pod(_Strict):
    serviceAccountName: str
    nodeSelector: dict[str, str] = {}
    tolerations: list[dict[str, str]] = []
    containers: list[_Container] = Field(min_length=1)


class _Template(_Strict):
    spec: _Pod


class _Head(_Strict):
    rayStartParams: dict[str, str]
    template: _Template


class _Workers(_Head):
    groupName: str
    replicas: int
    minReplicas: int
    maxReplicas: int


class _AuthOptions(_Strict):
    mode: Literal["token"]


class _AutoscalerOptions(_Strict):
    idleTimeoutSeconds: int


class _Cluster(_Strict):
    rayVersion: str
    authOptions: _AuthOptions
    enableInTreeAutoscaling: Literal[True]
    autoscalerOptions: _AutoscalerOptions
    headGroupSpec: _Head
    workerGroupSpecs: list[_Workers] = Field(min_length=1)


class _Spec(_Strict):
    entrypoint: str
    backoffLimit: int = Field(ge=1)
    shutdownAfterJobFinishes: Literal[True]
    ttlSecondsAfterFinished: int
    rayClusterSpec: _Cluster


class _Named(_Strict):
    name: str


class RayJob(_Strict):
    """The fields of KubeRay's ray.io/v1 RayJob that the manifest uses."""

    apiVersion: Literal["ray.io/v1"]
    kind: Literal["RayJob"]
    metadata: _Named
    spec: _Spec


def test_the_kubernetes_job_has_fields_that_kuberay_knows_a_token_and_the_pinned_ray():
    job = RayJob.model_validate(yaml.safe_load((FOLDER / "rayjob.yaml").read_text()))
    cluster = job.spec.rayClusterSpec
    assert f"\nray=={cluster.rayVersion}\n" in (PLACE / "constraints.txt").read_text()
    assert cluster.headGroupSpec.rayStartParams == {"num-cpus": "0"}
    pods = [cluster.headGroupSpec.template.spec, *(group.template.spec for group in cluster.workerGroupSpecs)]
    assert len({container.image for pod in pods for container in pod.containers}) == 1
    assert all(
        container.resources.requests == container.resources.limits for pod in pods for container in pod.containers
    )
    assert all(group.minReplicas == 0 for group in cluster.workerGroupSpecs)


def test_the_batch_script_is_sound_and_asks_for_a_token():
    path = FOLDER / "slurm.sh"
    subprocess.run(["bash", "-n", str(path)], check=True, timeout=60)
    text = path.read_text()
    assert "set -euo pipefail" in text
    assert text.index("export RAY_AUTH_MODE=token") < text.index("ray symmetric-run")
    directives = dict(re.findall(r"^#SBATCH --([a-z-]+)(?:=(\S+))?$", text, re.M))
    assert directives["ntasks-per-node"] == "1"
    assert {"requeue", "no-kill", "exclusive"} <= directives.keys()
    refused = subprocess.run(["bash", str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode != 0
    assert "usage: sbatch" in refused.stderr


def test_every_option_that_the_files_give_to_explorer_and_ray_exists(known):
    used = 0
    for path in (*LAUNCHED, FOLDER / "rayjob.yaml", FOLDER / "slurm.sh", PLACE / "docs" / "cluster.md"):
        text = path.read_text().replace("\\\n", " ")
        for command, there in known.items():
            for rest in re.findall(rf"{command}\b([^\n`'\";|&]*)", text):
                for part in rest.split(" -- ")[:1]:
                    given = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", part))
                    assert given <= there, (path.name, command, given - there)
                    used += len(given)
    assert used >= 30
