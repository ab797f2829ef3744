"""Whether a Ray that is, or would be, used takes commands from the network."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.engine.doctor.base import Asked, Finding, Status, checks

if TYPE_CHECKING:
    import psutil

# Ports that Ray takes unless told otherwise: GCS, dashboard, Ray Client, dashboard agent.
USUAL = {6379: "GCS", 8265: "dashboard", 10001: "Ray Client", 52365: "dashboard agent"}
PROGRAMS = ("gcs_server", "raylet")
SECONDS = 5.0
MEND = (
    "stop it (ray stop), and start it with a token: ray get-auth-token --generate && chmod 600 ~/.ray/auth_token && "
    "RAY_AUTH_MODE=token ray start …"
)
# A GCS that tells its cluster's id to a caller without a token takes any command from it.
_GCS = """
import os, sys
os.environ["RAY_AUTH_MODE"] = "disabled"
from ray._raylet import GcsClient
print("open", GcsClient(address=sys.argv[1]).cluster_id)
"""


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket; `token` says whether its process asks for one, where that can be read."""

    host: str
    port: int
    program: str
    token: bool | None

    @property
    def loopback(self) -> bool:
        return _loopback(self.host)


@checks.register("network")
def network(asked: Asked) -> Sequence[Finding]:
    """No Ray of this machine, and not the cluster asked for, can be commanded from the network without a token."""
    found = [_local()]
    if asked.address is not None and asked.address != "auto":
        found.append(_remote(asked.address))
    return found


def _local() -> Finding:
    try:
        listening = sorted(listeners(), key=lambda one: (one.program != "gcs_server", one.port))
    except ImportError:
        return Finding("network", Status.WARNING, "not looked at: psutil is missing", "pip install psutil")
    except PermissionError:
        return Finding(
            "network", Status.WARNING, "this system does not let a user see its listening sockets", "run as root"
        )
    reached = [one for one in listening if not one.loopback]
    unprotected = [one for one in reached if not one.token and not (one.token is None and _refuses(one))]
    if unprotected:
        shown = ", ".join(f"{one.program} on {one.host}:{one.port}" for one in unprotected[:6])
        more = f" and {len(unprotected) - 6} more" if len(unprotected) > 6 else ""
        found = f"open to the network without a token: {shown}{more}; anybody who reaches it runs code as its user"
        return Finding("network", Status.PROBLEM, found, MEND)
    if reached:
        return Finding(
            "network", Status.OK, f"{len(reached)} sockets of Ray listen on the network, each asks for a token"
        )
    if listening:
        return Finding("network", Status.OK, f"{len(listening)} sockets of Ray listen, on loopback alone")
    return Finding("network", Status.OK, "no Ray of this machine listens")


def listeners() -> Iterator[Listener]:
    """The TCP sockets on which Ray listens here, those of other users only on its usual ports.

    Raises ImportError without psutil, PermissionError where the system shows sockets to root alone.
    """
    import psutil

    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied as error:
        raise PermissionError(str(error)) from None
    for one in connections:
        if one.status != psutil.CONN_LISTEN or not one.laddr:
            continue
        name, token = "", None
        if one.pid is not None:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(one.pid)
                name = _program(process)
                token = _asks(process, name)
        if name:
            yield Listener(one.laddr.ip, one.laddr.port, name, token)
        elif one.pid is None and one.laddr.port in USUAL:
            yield Listener(one.laddr.ip, one.laddr.port, USUAL[one.laddr.port], None)


def _asks(process: psutil.Process, name: str) -> bool | None:
    """Whether a process of Ray asks for a token; None where that cannot be read."""
    if name.startswith("ray::"):  # a worker's title stands where its environment was
        parent = process.parent()
        if parent is None or _program(parent) != "raylet":
            return None
        process = parent
    return process.environ().get("RAY_AUTH_MODE", "").lower() == "token"


def _program(process: psutil.Process) -> str:
    """What a process of Ray is called, or an empty string for another."""
    words = process.cmdline()
    first = os.path.basename(words[0].split(" ")[0]) if words else ""
    if first in PROGRAMS or first.startswith("ray::"):
        return first
    scripts = [Path(word) for word in words[1:4] if word.endswith(".py")]
    return next((path.stem for path in scripts if "ray" in path.parts and "dashboard" in path.parts), "")


def _remote(address: str) -> Finding:
    """Whether the cluster at host:port answers without a token from here."""
    host = address.removeprefix("ray://").rpartition(":")[0].strip("[]") or address
    if _loopback(host) or host == "localhost":
        return Finding("network", Status.OK, f"{address} is this machine's own")
    answers = []
    if _dashboard(host) is True:
        answers.append(f"the dashboard at {host}:8265")
    gcs = _gcs(address)
    if gcs:
        answers.append(f"the cluster at {address}")
    if answers:
        found = f"{' and '.join(answers)} answers without a token: anybody who reaches it runs code on every node"
        return Finding("network", Status.PROBLEM, found, MEND)
    if gcs is None:
        return Finding(
            "network", Status.WARNING, f"whether {address} asks for a token could not be tried", "see the check ray"
        )
    return Finding("network", Status.OK, f"{address} gives nothing to a caller without a token")


def _dashboard(host: str, port: int = 8265) -> bool | None:
    """Whether a dashboard answers without a token; None where there is none."""
    shown = f"[{host}]" if ":" in host else host
    try:
        with urllib.request.urlopen(f"http://{shown}:{port}/api/version", timeout=SECONDS) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as error:
        return error.code not in (401, 403)
    except (OSError, http.client.HTTPException):
        return None


def _gcs(address: str) -> bool | None:
    """Whether a GCS answers without a token; None where Ray is missing or nothing answers at all."""
    try:
        tried = subprocess.run(
            [sys.executable, "-c", _GCS, address], capture_output=True, text=True, timeout=4 * SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    if tried.stdout.startswith("open"):
        return True
    return False if "InvalidAuthToken" in tried.stderr or "Unauthenticated" in tried.stderr else None


def _refuses(one: Listener) -> bool:
    """Of a socket whose process cannot be looked into."""
    host = "127.0.0.1" if ipaddress.ip_address(one.host).is_unspecified else one.host
    if one.port == 6379:
        return _gcs(f"{host}:{one.port}") is False
    return _dashboard(host, one.port) is False


def _loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
