"""Reaching Ray: an embedded one on this machine, or the cluster at an address."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from explorer.engine.access import keep_token_private, on_loopback, own_directory
from explorer.errors import EngineError

QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_MAX_PENDING_TRIALS_PG": "64",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}
OBJECT_STORE_BYTES = 256 * 2**20
PROBE_SECONDS = 10
# How long an answer about the cluster's nodes is taken to hold.
NODES_HOLD_SECONDS = 2.0


@contextlib.contextmanager
def connected(address: str | None, cpus: int) -> Iterator[None]:
    """A Ray session for the length of a `with`: embedded with this many CPUs, or at an address (`auto`, host:6379).

    Raises EngineError where no cluster answers.
    """
    if address is not None and address.startswith("ray://"):
        raise EngineError(
            f"--address {address}: Ray Client would run Tune away from this process, without progress or Ctrl-C; expected "
            'auto or host:6379, on a node of the cluster (ray exec cluster.yaml "explorer run … --address auto").'
        )
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    already = ray.is_initialized()
    with contextlib.ExitStack() as afterwards:
        if not already:
            _init(ray, address, cpus, afterwards)
        with _stopped_by(signal.SIGTERM, signal.SIGHUP):
            yield


def _init(ray: object, address: str | None, cpus: int, afterwards: contextlib.ExitStack) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": True}
    try:
        if address is None:
            keep_token_private()
            directory = afterwards.enter_context(own_directory())
            afterwards.callback(ray.shutdown)  # type: ignore[attr-defined]
            with on_loopback():
                ray.init(  # type: ignore[attr-defined]
                    address="local",
                    num_cpus=cpus,
                    include_dashboard=False,
                    object_store_memory=OBJECT_STORE_BYTES,
                    _temp_dir=directory,
                    **quiet,
                )
        else:
            _probe(address)
            afterwards.callback(ray.shutdown)  # type: ignore[attr-defined]
            ray.init(address=address, **quiet)  # type: ignore[attr-defined]
    except (OSError, RuntimeError, ValueError, ImportError) as error:
        where = "an embedded Ray could not be started" if address is None else f"no Ray cluster answers at {address}"
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise EngineError(
            f"{where}: {first}. Expected a running cluster (ray start --head; with a token file, RAY_AUTH_MODE=token), "
            "or no --address for an embedded one."
        ) from None


@contextlib.contextmanager
def _stopped_by(*signals: signal.Signals) -> Iterator[None]:
    """Batch systems and lost terminals end a run as Ctrl-C does. Ray's own handlers crash; they come back afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        for name in signals:
            signal.signal(name, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {name: signal.signal(name, interrupt) for name in signals}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _probe(address: str) -> None:
    """Raise OSError at once where nothing listens; Ray itself tries for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=PROBE_SECONDS).close()


def largest_node(resource: str) -> float:
    """How much of `CPU` or `GPU` the cluster's largest living node has."""
    return max((node["Resources"].get(resource, 0.0) for node in _alive()), default=0.0)


class Capacity:
    """How many packs the cluster trains at a time, each of which is given so much of every resource; nodes come and go."""

    def __init__(self, needed: Mapping[str, float]) -> None:
        self.needed = {name: amount for name, amount in needed.items() if amount > 0}
        self._asked, self._workers = float("-inf"), 0

    def workers(self) -> int:
        """Packs that the living nodes hold together; a node that is too small for one holds none."""
        if time.monotonic() - self._asked >= NODES_HOLD_SECONDS:
            self._workers = sum(self._held(node["Resources"]) for node in _alive())
            self._asked = time.monotonic()
        return self._workers

    def _held(self, resources: Mapping[str, float]) -> int:
        return min(int(resources.get(name, 0.0) / amount + 1e-9) for name, amount in self.needed.items())

    def too_small(self) -> list[str]:
        """The living nodes that hold no pack, each with what it lacks first."""
        return [
            f"{node['NodeManagerHostname']} ({_amount(name, node['Resources'].get(name, 0.0))})"
            for node in _alive()
            for name in [self._lacking(node["Resources"])]
            if name is not None
        ]

    def _lacking(self, resources: Mapping[str, float]) -> str | None:
        return next((n for n, amount in self.needed.items() if resources.get(n, 0.0) < amount), None)

    def __str__(self) -> str:
        return ", ".join(_amount(name, amount) for name, amount in self.needed.items())


def _amount(name: str, amount: float) -> str:
    return f"{amount / 2**30:.1f} GiB of memory" if name == "memory" else f"{amount:g} {name}"


def _alive() -> list[dict[str, Any]]:
    import ray

    return [node for node in ray.nodes() if node["Alive"]]
