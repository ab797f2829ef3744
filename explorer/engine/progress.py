"""How a run is going: one bar in a terminal or notebook, plain lines elsewhere, a log file and the store always."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

from explorer.engine.events import event

LINE_EVERY_SECONDS = 10.0
NOTE_EVERY_SECONDS = 2.0
PACE_AFTER_SECONDS = 3.0


def duration(seconds: float) -> str:
    """A length of time as a person writes it: 42 s, 3 min 5 s, 2 h 10 min."""
    if seconds != seconds or seconds == float("inf"):
        return "unknown"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get("rate", "")), no_wrap=True, overflow="ellipsis")


class RunProgress:
    """Counts cells as packs report them. `note` is called now and then with the counts, for the store."""

    def __init__(self, total: int, done: int, note: Callable[[dict[str, Any]], None], show: bool = True) -> None:
        self.total, self.before, self.note = total, done, note
        # The latest summaries of packs that are not done, and the counts of those that are: a study has very many.
        self.packs: dict[Any, dict[str, Any]] = {}
        self.over = {"cells": 0, "diverged": 0, "failed": 0}
        self.started = time.monotonic()
        self._noted = self._lined = float("-inf")
        self._pace: tuple[float, float] | None = None
        self.console = Console(stderr=True)
        self.live = show and (self.console.is_terminal or self.console.is_jupyter)
        self.lines = show and not self.live
        self.bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[cells]}"),
            BarColumn(bar_width=24),
            _Rate(),
            console=self.console,
            disable=not self.live,
        )
        self.task = self.bar.add_task("", total=total, completed=done, cells=f"{done}/{total} cells", rate="starting")

    def __enter__(self) -> RunProgress:
        self.bar.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self.bar.__exit__(*exception)

    def update(self, pack: Any, summary: dict[str, Any]) -> None:
        """Take a pack's latest summary."""
        self.packs[pack] = summary
        if summary["done"]:
            del self.packs[pack]
            self.over = {name: count + summary[name] for name, count in self.over.items()}
        self._show()

    def counts(self) -> dict[str, Any]:
        """Cells done, diverged and failed; rate in cells per second and seconds to go; packs in training."""
        worth = self.over["cells"] + sum(p["cells"] * p["fraction"] for p in self.packs.values())
        rate = self._rate(worth)
        left = (self.total - self.before - worth) / rate if rate > 0 else float("inf")
        return {
            "total": self.total,
            "done": self.before + self.over["cells"],
            "diverged": self.over["diverged"] + sum(p["diverged"] for p in self.packs.values()),
            "failed": self.over["failed"] + sum(p["failed"] for p in self.packs.values()),
            "rate": rate,
            "seconds_left": left if left != float("inf") else None,
            "worth": self.before + worth,
            "training": len(self.packs),
        }

    def _rate(self, worth: float) -> float:
        """Cells per second since training began: the start of Ray and the first compilation would spoil the forecast."""
        moment = time.monotonic()
        if self._pace is None:
            if worth > 0:
                self._pace = (moment, worth)
            return 0.0
        elapsed = moment - self._pace[0]
        return (worth - self._pace[1]) / elapsed if elapsed >= PACE_AFTER_SECONDS else 0.0

    def _show(self) -> None:
        now = self.counts()
        left = "unknown" if now["seconds_left"] is None else duration(now["seconds_left"])
        pace = f"{now['rate']:.1f} cells/s, {left} left" if now["rate"] > 0 else "measuring the pace"
        text = f"{now['diverged']} diverged, {now['failed']} failed, {pace}"
        cells = f"{now['done']}/{now['total']} cells"
        self.bar.update(self.task, completed=now["worth"], cells=cells, rate=text)
        moment = time.monotonic()
        if moment - self._lined >= LINE_EVERY_SECONDS:
            self._lined = moment
            event("progress", f"{cells}, {text}", **now)
            if self.lines:
                print(f"{cells}, {text}", file=sys.stderr, flush=True)
        if moment - self._noted >= NOTE_EVERY_SECONDS:
            self._noted = moment
            self.note(now)
