"""Packs for Ray Tune, handed out as workers become free; Tune holds no more of them than it trains, and a few."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from explorer.cells import Cell, Pack
from explorer.engine.checkpoints import NOTHING_SAVED, Farthest
from explorer.engine.cutting import PackQueue

# Results that Tune takes a second without falling behind: workers report as often as lets all of them be heard.
RESULTS_PER_SECOND = 100
SLICE_SECONDS = 1.0
# A cluster that has no node for a pack yet is taken for one of so many workers: an autoscaler starts nodes for packs that wait.
TO_COME = 64


class PackedCells:
    """A pack as a trial's configuration has it.

    Tune keeps the configurations of all trials to the end, and prints them into names: this one is empty once its pack is done.
    """

    def __init__(self, pack: Pack) -> None:
        self.width = pack.width
        self.text: bytes | None = zlib.compress(json.dumps(pack.settings).encode(), level=1)

    def pack(self) -> Pack:
        """The pack that was put in."""
        if self.text is None:
            raise RuntimeError("the pack is done")
        return Pack(tuple(Cell(settings) for settings in json.loads(zlib.decompress(self.text))), self.width)

    def empty(self) -> None:
        """Let go of the cells."""
        self.text = None

    def __deepcopy__(self, memory: dict[int, Any]) -> PackedCells:
        return self  # Tune's copies would not be emptied

    def __repr__(self) -> str:
        return "cells"


class PackSupply(Searcher):
    """Tune's searcher: cuts the next pack for as many workers as there are at that moment.

    A configuration has the pack's number, its cells, the checkpoints to go on from, and how many seconds a worker trains
    between two reports.
    """

    def __init__(self, queue: PackQueue, workers: Callable[[], int], saved: Farthest = NOTHING_SAVED) -> None:
        super().__init__()
        self.queue, self.workers, self.saved = queue, workers, saved
        self.count = 0
        # By number: packs that are handed out and not done.
        self.open: dict[int, Pack] = {}
        self._sent: dict[str, tuple[int, PackedCells]] = {}

    def suggest(self, trial_id: str) -> Any:
        """The configuration of the next trial."""
        workers = self.workers() or TO_COME
        pack = self.queue.take(workers)
        if pack is None:
            return self.FINISHED
        number, self.count = self.count, self.count + 1
        cells = PackedCells(pack)
        self.open[number], self._sent[trial_id] = pack, (number, cells)
        return {
            "pack": number,
            "cells": cells,
            "slice": max(SLICE_SECONDS, workers / RESULTS_PER_SECOND),
            "checkpoints": self.saved.paths(pack),
        }

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Forget a pack that is done; one that failed every time stays in `open`."""
        number, cells = self._sent.pop(trial_id)
        cells.empty()
        if not error:
            del self.open[number]

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default", **_: Any) -> None:
        """Nothing: a run goes on from its store."""


class InOrder(FIFOScheduler):
    """Gives a worker that is free the next pack for which none is being started, and looks at no trial that is done.

    Tune's own gives it the first waiting pack, and ends the worker that is being started for that one. Where packs take
    less time than a worker needs to start, the nodes that join would never be used.
    """

    def __init__(self, workers: Callable[[], int]) -> None:
        super().__init__()
        self.workers = workers

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """The waiting trial that a free worker takes; the packs before it have workers that are being started."""
        live = list(tune_controller.get_live_trials())
        waiting = sorted((t for t in live if t.status == "PENDING"), key=lambda trial: trial.config["pack"])
        running = sum(trial.status == "RUNNING" for trial in live)
        starting = self.workers() - running - 1
        return waiting[min(max(0, starting), len(waiting) - 1)] if waiting else None
