"""What a worker tells of its pack beside the summary: how long each phase took, what failed, what it wrote."""

from __future__ import annotations

import json
import os
import platform
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from explorer.cells import Pack
from explorer.engine.failure import described
from explorer.training import CellResult
from explorer.training.clock import clock

SAID_LENGTH = 300


class PackTimings:
    """Begins when a pack does. `facts` are flat and small, for Tune to carry to the driver."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.begin = time.time()
        self.parts = self.bytes = self.retries = 0
        self.retried_because = ""
        self._before = dict(clock.seconds)

    def published(self, size: int) -> None:
        """A part of this many bytes is in the store."""
        self.parts += 1
        self.bytes += size

    def retried(self, error: Exception) -> None:
        """Publishing failed, and is tried again."""
        self.retries += 1
        self.retried_because = described(error)[0]

    def facts(self, results: Sequence[CellResult], done: bool, device: str) -> str:
        """What the driver should know, as JSON: retries, the latest failed cell, and when it is done the whole account."""
        said: dict[str, Any] = {}
        failed = next((result for result in reversed(results) if result.status == "failed"), None)
        if failed is not None:
            said |= {"failed_key": failed.cell.key, "error": (failed.error or "")[:SAID_LENGTH]}
        if self.retries:
            said |= {"retries": self.retries, "retried_because": self.retried_because[:SAID_LENGTH]}
        if done:
            said["statuses"] = dict(Counter(result.status for result in results))
            said["account"] = {
                "shape_key": self.pack.cells[0].shape_key,
                "begin": self.begin,
                "end": time.time(),
                "host": platform.node(),
                "pid": os.getpid(),
                "device": device,
                **{f"{name}_seconds": round(spent - self._before[name], 6) for name, spent in clock.seconds.items()},
                "parts": self.parts,
                "bytes": self.bytes,
                "publish_retries": self.retries,
            }
        return json.dumps(said)
