"""Metrics of a run in Ray's own registry, which the cluster exports to Prometheus; docs/observability.md names them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from explorer.engine.events import event

PACK_SECONDS = [1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 3600.0, 10800.0]


class RunMetrics:
    """Recorded by the driver, once a pack and once with each note on the run: training is not slowed.

    Where the node of the driver exports none (`ray[tune]` alone has no metrics agent), it says so once, and nothing else changes.
    """

    def __init__(self, study: str) -> None:
        import ray
        from ray.util import metrics

        keys = ("study",)
        self.study = {"study": study}
        self.cells = metrics.Counter(
            "explorer_cells_done_total", "Cells of packs that are trained to their end.", (*keys, "status")
        )
        self.pack = metrics.Histogram(
            "explorer_pack_seconds", "Time from a pack's begin to its end.", PACK_SECONDS, keys
        )
        self.rate = metrics.Gauge("explorer_cells_per_second", "Cells per second since training began.", keys)
        self.missing = metrics.Gauge("explorer_cells_missing", "Cells of the study without a row in the store.", keys)
        self.retries = metrics.Counter(
            "explorer_publish_retries_total", "Writes to the store that were tried again.", keys
        )
        self.deaths = metrics.Counter("explorer_worker_deaths_total", "Packs whose worker died or raised.", keys)
        here = ray.get_runtime_context().get_node_id()
        ports = [node.get("MetricsExportPort", -1) for node in ray.nodes() if node["NodeID"] == here]
        if not any(port > 0 for port in ports):
            event(
                "metrics_off", "metrics are not exported: this node of the cluster has no metrics agent; expected ray[default]",
                logging.WARNING,
            )  # fmt: skip

    def pack_done(self, seconds: float, statuses: Mapping[str, int]) -> None:
        """A pack was trained to its end, its cells with these statuses."""
        self.pack.observe(max(0.0, seconds), self.study)
        for status, count in statuses.items():
            self.cells.inc(count, {**self.study, "status": status})

    def publish_retried(self, times: int) -> None:
        """A worker had to write again."""
        self.retries.inc(times, self.study)

    def worker_died(self) -> None:
        """A pack's worker died, or raised."""
        self.deaths.inc(1, self.study)

    def noted(self, counts: Mapping[str, Any]) -> None:
        """How the run is going; see `RunProgress.counts`."""
        self.rate.set(counts.get("rate") or 0.0, self.study)
        self.missing.set(max(0, counts.get("total", 0) - counts.get("done", 0)), self.study)
