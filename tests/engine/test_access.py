"""An embedded Ray is its user's alone: while it runs, its sockets, its token and its directory are looked at from outside."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import ray

from explorer.engine.access import keep_token_private
from explorer.engine.cluster import connected

CALLER = "import sys; from ray._raylet import GcsClient; print('in', GcsClient(address=sys.argv[1]).cluster_id)"


@pytest.fixture(scope="module")
def embedded():
    """The address of an embedded Ray that has worked, and the directory with Ray's own directories."""
    with connected(None, 1):
        assert ray.get(ray.remote(lambda: 42).remote()) == 42
        directory = Path(ray._private.worker._global_node.get_temp_dir_path())
        yield ray.get_runtime_context().gcs_address, directory
    assert not directory.parent.exists()


def call(address, **environment):
    return subprocess.run(
        [sys.executable, "-c", CALLER, address],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_an_embedded_ray_listens_on_loopback_alone(embedded):
    listening = [
        connection.laddr.ip
        for process in (psutil.Process(), *psutil.Process().children(recursive=True))
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 5
    assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}


def test_a_caller_with_the_token_is_answered_and_one_without_is_not(embedded):
    address, _ = embedded
    assert call(address, RAY_AUTH_MODE="token").stdout.startswith("in")
    refused = call(address, RAY_AUTH_MODE="disabled")
    assert refused.stdout == ""
    assert "InvalidAuthToken" in refused.stderr


def test_other_users_cannot_enter_the_sessions_directory(embedded):
    _, session = embedded
    assert stat.S_IMODE(session.parent.stat().st_mode) == 0o700
    assert any(session.glob("session_*/sockets"))


@pytest.mark.parametrize("there", [False, True])
def test_the_token_is_its_users_alone_whether_made_or_found(tmp_path, monkeypatch, there):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    place = tmp_path / ".ray" / "auth_token"
    if there:
        place.parent.mkdir()
        place.write_text("f00d" * 16)
        place.chmod(0o644)
    keep_token_private()
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert [path.name for path in place.parent.iterdir()] == ["auth_token"]
    first = place.read_text()
    assert len(first) == 64
    assert (first == "f00d" * 16) == there
    keep_token_private()
    assert place.read_text() == first


def test_without_a_home_to_write_to_the_token_is_the_process_own(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "")
    keep_token_private()
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
