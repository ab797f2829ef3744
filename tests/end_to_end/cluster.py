"""A Ray cluster of several nodes on this machine, brought up from a file; its nodes can be killed, and others joined."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from ray.cluster_utils import Cluster

NODES = Path(__file__).with_name("nodes.yaml")
STORE_BYTES = 80 * 2**20


class LocalCluster:
    """Nodes by the names of the file; each offers the resources that stand there: CPU, GPU, memory in bytes."""

    def __init__(self, nodes: dict[str, dict[str, Any]]) -> None:
        self._offers = {name: {**offer} for name, offer in nodes.items()}
        waiting = {name for name, offer in self._offers.items() if offer.pop("waits", False)}
        first, *rest = [name for name in self._offers if name not in waiting]
        self._cluster = Cluster(
            initialize_head=True, head_node_args={**self._arguments(first), "include_dashboard": False}
        )
        self._nodes = {first: self._cluster.head_node}
        self.address = self._cluster.address
        for name in rest:
            self.join(name)

    def _arguments(self, name: str) -> dict[str, Any]:
        offer = self._offers[name]
        memory = {"memory": int(offer["memory"])} if "memory" in offer else {}
        return {
            "num_cpus": offer.get("CPU", 0),
            "num_gpus": offer.get("GPU", 0),
            "object_store_memory": STORE_BYTES,
            **memory,
        }

    def join(self, name: str) -> None:
        """Start a node of the file; returns when the cluster knows it."""
        self._nodes[name] = self._cluster.add_node(**self._arguments(name))

    def kill(self, name: str) -> None:
        """End a node's processes at once, its workers with them, as a spot instance goes."""
        self._cluster.remove_node(self._nodes.pop(name), allow_graceful=False)

    def shut_down(self) -> None:
        """End all nodes."""
        self._cluster.shutdown()


@contextmanager
def local_cluster(file: Path = NODES) -> Iterator[LocalCluster]:
    """The cluster of a file for the length of a `with`; the file's first node is the head."""
    started = LocalCluster(yaml.safe_load(file.read_text()))
    try:
        yield started
    finally:
        started.shut_down()
