"""A pack as a Ray Tune trial."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

import ray
import torch
from ray import tune

from explorer.cells import Cell, Pack
from explorer.engine.job import PackJob, Patience, hung_file, nothing_yet
from explorer.engine.progress import RunProgress
from explorer.engine.watchdog import Watchdog
from explorer.errors import StoreError
from explorer.sections import Keep
from explorer.store.files import Files

log = logging.getLogger("explorer")

SLICE_SECONDS = 1.0

PackData = tuple[Sequence[dict[str, Any]], int, tuple[str, ...]]


def pack_data(pack: Pack, checkpoints: tuple[str, ...] = ()) -> PackData:
    """A pack, and the checkpoints that concern it, as plain data for the object store."""
    return pack.settings, pack.width, checkpoints


class PackTrial(tune.Trainable):
    """One pack; the actor is reused for the next, so that imports and compiled programs are paid for once."""

    def setup(
        self,
        config: dict[str, Any],
        packs: Sequence[ray.ObjectRef] = (),
        store: str = "",
        keep: tuple[bool, bool] = (False, False),
        threads: int = 1,
        gpu: bool = False,
        git_revision: str | None = None,
        home: str = "",
        retry_failed: bool = False,
        checkpoint_seconds: float = 0.0,
        time_limit: float = 0.0,
    ) -> None:
        torch.set_num_threads(threads)
        if os.path.isdir(
            home
        ):  # Tune works in a scratch directory; data files are looked for where the run was started
            os.chdir(home)
        self.packs, self.store = packs, store
        self.watchdog = Watchdog(time_limit, self._hung)
        self.given = (store, Keep(curves=keep[0], minimizers=keep[1]), "cuda:0" if gpu else "cpu", git_revision)
        self.options: dict[str, Any] = {"checkpoint_seconds": checkpoint_seconds, "retry_failed": retry_failed}
        self._start(config)

    def _start(self, config: dict[str, Any]) -> None:
        settings, width, paths = ray.get(self.packs[config["pack"]])
        self.pack = Pack(tuple(Cell(s) for s in settings), width)
        self.orders: dict[str, Any] | None = config.get("orders")
        self.paths = paths
        self.job: PackJob | None = None
        self.patience = Patience()

    def step(self) -> dict[str, Any]:
        if self.job is None:
            try:
                orders = {} if self.orders is None else {"goes_on": True, **self.orders}
                self.job = PackJob(
                    self.pack, *self.given, paths=self.paths, watchdog=self.watchdog, **self.options, **orders
                )
            except (StoreError, OSError) as error:
                self.patience.failed(error)
                time.sleep(min(SLICE_SECONDS, self.patience.seconds))
                return {**nothing_yet(self.pack), "notes": f"waiting for the store: {error}"}
            if orders:  # that it has begun: what happens from now on is the cells' doing
                return {**self.job.summary(), "notes": "\n".join(self.job.notes())}
        self.job.advance(SLICE_SECONDS)
        return {**self.job.summary(), "notes": "\n".join(self.job.notes())}

    def _hung(self, message: str) -> None:
        Files(self.store).publish(hung_file(self.pack), message.encode())

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._start(new_config)
        return True


class Reporter(tune.Callback):
    """Feeds a run's progress. Tune pickles its callbacks into the scratch directory; the progress stays behind."""

    def __init__(self, progress: RunProgress | None) -> None:
        self.progress = progress
        self._noted: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        return {"progress": None, "_noted": set()}

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any) -> None:
        if self.progress is not None:
            names = ("done", "cells", "fraction", "diverged", "failed")
            self.progress.update(trial.config["pack"], {name: result[name] for name in names})
        for note in filter(None, result["notes"].split("\n")):
            log.warning("pack %d: %s", trial.config["pack"], note)
            if note.startswith("waiting for the store") and note not in self._noted:
                print(note, file=sys.stderr, flush=True)
                self._noted.add(note)
