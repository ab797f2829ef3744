"""The cluster that a run would use: its nodes, and whether each can do what a run asks of it."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from typing import Any

from explorer.engine.doctor.base import INSTALL, Asked, Finding, Status, checks, gibibytes, version_of
from explorer.errors import EngineError

MOST_NODES = 50
PROBE_SECONDS = 60.0
SKEW_SECONDS = 5.0


@checks.register("cluster")
def cluster(asked: Asked) -> Sequence[Finding]:
    """The cluster answers; every node has this package, this Python, a clock that agrees, and sees the store.

    Looks into 50 nodes at most. Without an address, says what an embedded Ray would have.
    """
    if asked.address is None:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        found = f"embedded: {os.cpu_count()} CPUs, {gibibytes(memory)} of memory, ports on loopback alone"
        return [Finding("cluster", Status.OK, found)]
    try:
        import ray  # noqa: F401

        from explorer.engine.cluster import connected
    except ImportError:
        return [Finding("cluster", Status.PROBLEM, "not tried, Ray is missing", INSTALL)]
    try:
        with connected(asked.address, 0):
            return _look(asked)
    except EngineError as error:
        found, _, expected = str(error).partition(" Expected ")
        return [Finding("cluster", Status.PROBLEM, found, f"expected {expected}" if expected else "")]


def _look(asked: Asked) -> list[Finding]:
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]
    whole = {name: sum(node["Resources"].get(name, 0.0) for node in nodes) for name in ("CPU", "GPU", "memory")}
    counted = (
        f"{len(nodes)} nodes, {whole['CPU']:g} CPUs, {whole['GPU']:g} GPUs, {gibibytes(whole['memory'])} of memory"
    )
    findings = [Finding("cluster", Status.OK, f"{asked.address}: {counted}, Ray {ray.__version__}")]
    seen, silent = _probe(nodes[:MOST_NODES], asked.store)
    for node, why in silent.items():
        mend = "install this package on every node (cluster.yaml does), the same version as here"
        findings.append(Finding("cluster", Status.PROBLEM, f"node {node}: {why}", mend))
    for name, mine in _own().items():
        others = {node: facts[name] for node, facts in seen.items() if facts[name] != mine}
        if others:
            node, theirs = next(iter(others.items()))
            found = f"{name} is {theirs} on {len(others)} of {len(seen)} nodes ({node}), and {mine} here"
            findings.append(
                Finding("cluster", Status.WARNING, found, "one environment for all nodes: constraints.txt, or an image")
            )
    findings += _clocks({node: facts["skew"] for node, facts in seen.items()})
    blind = {node: facts["store"] for node, facts in seen.items() if facts["store"]}
    if blind:
        node, why = next(iter(blind.items()))
        found = f"{asked.store} cannot be written from {len(blind)} of {len(seen)} nodes; {node}: {why}"
        mend = "an object store, or a folder that every node mounts at this path, and credentials on every node"
        findings.append(Finding("cluster", Status.PROBLEM, found, mend))
    elif asked.store and seen:
        findings.append(Finding("cluster", Status.OK, f"{asked.store} can be written from {len(seen)} nodes"))
    return findings


def _clocks(skews: dict[str, float]) -> list[Finding]:
    if not skews:
        return []
    node = max(skews, key=lambda name: abs(skews[name]))
    found = f"clocks of nodes differ from this one by up to {abs(skews[node]):.1f} s ({node})"
    if abs(skews[node]) <= SKEW_SECONDS:
        return [Finding("clock", Status.OK, found)]
    return [Finding("clock", Status.WARNING, found, "synchronise clocks (chrony or systemd-timesyncd) on every node")]


def _own() -> dict[str, str]:
    """What is to be the same on every node."""
    packages = {name: version_of(name) for name in ("explorer", "torch")}
    return {**packages, "Python": platform.python_version()}


def _facts(store: str | None) -> dict[str, Any]:
    """Of the node on which this runs."""
    from explorer.engine.doctor.store import write_and_read

    return {**_own(), "time": time.time(), "store": write_and_read(store) if store else ""}


def _probe(nodes: Sequence[dict[str, Any]], store: str | None) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Facts of the nodes that answer, each with its clock's `skew` in seconds, and why the others do not."""
    import ray
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    remote = ray.remote(num_cpus=0, max_retries=0)(_facts)
    place = store if store is None or "://" in store else os.path.abspath(store)
    seen: dict[str, dict[str, Any]] = {}
    silent: dict[str, str] = {}
    names = {
        node["NodeID"]: f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']}, {node['NodeID'][:6]})"
        for node in nodes
    }
    asked = {
        remote.options(scheduling_strategy=NodeAffinitySchedulingStrategy(key, soft=False)).remote(place): key
        for key in names
    }
    waiting, end = list(asked), time.monotonic() + PROBE_SECONDS
    while waiting and time.monotonic() < end:
        done, waiting = ray.wait(waiting, timeout=max(0.0, end - time.monotonic()))
        for reference in done:
            name = names[asked[reference]]
            try:
                facts = ray.get(reference)
                seen[name] = {**facts, "skew": facts["time"] - time.time()}
            except RayError as error:
                silent[name] = (str(error).strip().splitlines() or [type(error).__name__])[-1][:200]
    silent.update({names[asked[reference]]: f"no answer within {PROBE_SECONDS:g} s" for reference in waiting})
    return seen, silent
