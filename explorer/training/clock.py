"""How long this process has spent on each phase of its packs."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

PHASES = ("compile", "train", "evaluate", "publish")


def compile_seconds() -> float:
    """Wall time that torch.compile has taken in this process, reading its cache on disk included."""
    utilities = sys.modules.get(
        "torch._dynamo.utils"
    )  # importing it takes a second, and nothing was compiled without it
    return float(utilities.calculate_time_spent()["total_wall_time"]) if utilities else 0.0


class Clock:
    """Wall time in seconds by phase, each moment counted once: a phase inside another interrupts it, and so does compiling.

    Not for several threads.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(PHASES, 0.0)
        self._phase: str | None = None
        self._since = (0.0, 0.0)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what happens inside as `train`, `evaluate` or `publish`, except for what of it is compiling."""
        before = self._phase
        self._turn(name)
        try:
            yield
        finally:
            self._turn(before)

    def _turn(self, name: str | None) -> None:
        moment, compiled = time.perf_counter(), compile_seconds()
        if self._phase is not None:
            compiling = compiled - self._since[1]
            self.seconds["compile"] += compiling
            self.seconds[self._phase] += max(0.0, moment - self._since[0] - compiling)
        self._phase, self._since = name, (moment, compiled)


# Of this process, which trains one pack after another.
clock = Clock()
