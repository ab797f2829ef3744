"""explorer doctor, with faults made on purpose."""

import json
import os
import socket
import subprocess
import sys
import time

import psutil
import pytest

from explorer.engine.doctor import Asked, Status, examine
from tests.end_to_end.conftest import PROGRAM


def doctor(*arguments, **environment):
    """The exit code, the findings by check, and what was said."""
    done = subprocess.run(
        [*PROGRAM, "doctor", *map(str, arguments), "--format", "json"],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
        check=False,
    )
    findings = json.loads(done.stdout) if done.stdout else []
    return done.returncode, {f["check"]: f for f in reversed(findings)}, done.stderr


@pytest.fixture
def listener():
    """Starts a process that calls itself as Ray's does and listens on an address; gives its port."""
    started = []

    def start(host, name="gcs_server", **environment):
        code = "import socket, sys; s = socket.create_server((sys.argv[1], 0)); print(s.getsockname()[1], flush=True); s.accept()"
        started.append(
            subprocess.Popen(
                [name, "-c", code, host],
                executable=sys.executable,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, **environment},
            )
        )
        return int(started[-1].stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_sound_machine_has_no_problems(tmp_path):
    code, found, said = doctor(
        "--only", "python,disk,limits,store,token", "--store", tmp_path / "new", HOME=str(tmp_path)
    )
    assert code == 0, said
    assert set(found) == {"python", "disk", "limits", "store", "clock", "token"}
    assert all(one["status"] in ("ok", "warning") for one in found.values())
    assert "0 problems" in said
    assert list(tmp_path.iterdir()) == []


def test_without_a_compiler_it_says_that_training_is_slower():
    code, found, _ = doctor("--only", "compiler", PATH="", CXX="", CC="")
    assert code == 0
    assert found["compiler"]["status"] == "warning"
    assert "several times slower" in found["compiler"]["found"]
    assert "install g++" in found["compiler"]["mend"]


def test_without_the_train_extra_it_says_so(tmp_path):
    for name in ("torch", "ray"):
        (tmp_path / f"{name}.py").write_text("raise ModuleNotFoundError('hidden')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    code, found, _ = doctor("--only", "torch,ray,compiler,cluster", PYTHONPATH=path)
    assert code == 3
    for name in ("torch", "ray"):
        assert found[name]["status"] == "problem"
        assert "explorer[train]" in found[name]["mend"]
    assert found["compiler"]["status"] == "warning"
    assert found["cluster"]["status"] == "ok"


@pytest.mark.parametrize("place", ["/proc/store", "file/store"])
def test_a_store_that_cannot_be_written_is_a_problem(tmp_path, place):
    (tmp_path / "file").write_text("")
    code, found, _ = doctor("--only", "store", "--store", tmp_path / place)
    assert code == 3
    assert found["store"]["status"] == "problem"
    assert found["store"]["mend"]


def test_a_token_that_others_can_read_is_a_problem(tmp_path):
    place = tmp_path / ".ray" / "auth_token"
    place.parent.mkdir()
    place.write_text("f00d" * 16)
    place.chmod(0o644)
    code, found, _ = doctor("--only", "token", HOME=str(tmp_path), RAY_AUTH_TOKEN="", RAY_AUTH_MODE="")
    assert (code, found["token"]["status"], found["token"]["mend"]) == (3, "problem", f"chmod 600 {place}")
    place.chmod(0o600)
    code, found, _ = doctor("--only", "token", HOME=str(tmp_path), RAY_AUTH_TOKEN="", RAY_AUTH_MODE="")
    assert (code, found["token"]["status"]) == (0, "ok")


def test_a_ray_that_is_open_to_the_network_is_a_problem_and_one_behind_a_token_or_on_loopback_is_not(listener):
    unprotected = listener("0.0.0.0", RAY_AUTH_MODE="")
    protected = listener("0.0.0.0", RAY_AUTH_MODE="token")
    own = listener("127.0.0.1", RAY_AUTH_MODE="")
    code, found, _ = doctor("--only", "network")
    assert code == 3
    assert found["network"]["status"] == "problem"
    assert f"gcs_server on 0.0.0.0:{unprotected}" in found["network"]["found"]
    assert f":{protected}" not in found["network"]["found"]
    assert f":{own}" not in found["network"]["found"]
    assert "token" in found["network"]["mend"]


def test_no_cluster_at_an_address_is_a_problem():
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        code, found, _ = doctor("--only", "cluster", "--address", f"127.0.0.1:{unheard.getsockname()[1]}")
    assert code == 3
    assert "no Ray cluster answers" in found["cluster"]["found"]


def test_a_store_that_never_answers_is_given_up_in_time_and_its_process_is_gone():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"s3://key:secret@bucket/study?scheme=http&endpoint_override=127.0.0.1:{silent.getsockname()[1]}"
        begin = time.monotonic()
        [found] = examine(Asked(store=place), ["store"], {"store": 2.0})
    assert time.monotonic() - begin < 60
    assert found.status == Status.PROBLEM
    assert "no answer within 2 s" in found.found
    running = [p for p in psutil.Process().children() if "explorer.engine.doctor.examine" in p.cmdline()]
    assert running == []


def test_an_unknown_check_is_refused_with_the_nearest():
    code, found, said = doctor("--only", "tokn")
    assert code == 2
    assert found == {}
    assert 'Did you mean "token"?' in said


@pytest.mark.chaos_full
@pytest.mark.parametrize("mode", ["disabled", "token"])
def test_a_real_cluster_without_a_token_is_open_and_one_with_it_is_not(tmp_path, monkeypatch, mode):
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    script = (
        "import sys; from ray.cluster_utils import Cluster; "
        "c = Cluster(initialize_head=True, head_node_args={'num_cpus': 1, 'include_dashboard': False}); "
        "c.add_node(num_cpus=1); print(c.address, flush=True); sys.stdin.read(); c.shutdown()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1, text=True) as nodes:
        address = nodes.stdout.readline().strip()
        found = examine(Asked(address, str(tmp_path)), ["cluster", "network"])
        nodes.communicate("")
    said = {finding.found: finding.status for finding in found}
    assert said[f"{tmp_path} can be written from 2 nodes"] == Status.OK
    assert any("2 nodes, 2 CPUs" in text for text in said)
    answers = [status for text, status in said.items() if f"the cluster at {address} answers without a token" in text]
    assert answers == ([Status.PROBLEM] if mode == "disabled" else [])
