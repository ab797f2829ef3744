"""A pack as a Ray Tune trial."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from typing import Any

import torch
from ray import tune

from explorer.engine.events import event
from explorer.engine.job import PackJob, Patience, hung_file, nothing_yet
from explorer.engine.observer import Observer
from explorer.engine.progress import RunProgress
from explorer.engine.recovery import Recovery
from explorer.engine.watchdog import Watchdog
from explorer.errors import StoreError
from explorer.plugins import Plugin
from explorer.sections import Keep
from explorer.store.files import Files

# How a note begins that a person should see at once.
AWAY = "waiting for the store"


class PackTrial(tune.Trainable):
    """One pack; the actor is reused for the next, so that imports and compiled programs are paid for once."""

    def setup(
        self,
        config: dict[str, Any],
        store: str = "",
        keep: tuple[bool, bool] = (False, False),
        threads: int = 1,
        gpus: float = 0.0,
        git_revision: str | None = None,
        home: str = "",
        retry_failed: bool = False,
        checkpoint_seconds: float = 0.0,
        time_limit: float = 0.0,
        plugins: tuple[Plugin, ...] = (),
    ) -> None:
        for plugin in plugins:
            plugin.load()
        torch.set_num_threads(threads)
        if os.path.isdir(
            home
        ):  # Tune works in a scratch directory; data files are looked for where the run was started
            os.chdir(home)
        self.store = store
        if (
            0 < gpus < 1
        ):  # Ray shares out a GPU's time, not its memory: a pack that wants more than its share ends alone
            torch.cuda.set_per_process_memory_fraction(gpus)
        self.watchdog = Watchdog(time_limit, self._hung)
        self.given = (store, Keep(curves=keep[0], minimizers=keep[1]), "cuda:0" if gpus else "cpu", git_revision)
        self.options: dict[str, Any] = {"checkpoint_seconds": checkpoint_seconds, "retry_failed": retry_failed}
        self._start(config)

    def _start(self, config: dict[str, Any]) -> None:
        self.config = {"pack": config["pack"]}  # what every report has in it
        self.seconds = float(config["slice"])
        self.pack = config["cells"].pack()
        self.orders: dict[str, Any] | None = config.get("orders")
        self.paths = config["checkpoints"]
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
                time.sleep(min(self.seconds, self.patience.seconds))
                return {**nothing_yet(self.pack), "notes": f"{AWAY}: {error}"}
            if orders:  # that it has begun: what happens from now on is the cells' doing
                return self._summary(self.job)
        self.job.advance(self.seconds)
        return self._summary(self.job)

    @staticmethod
    def _summary(job: PackJob) -> dict[str, Any]:
        return {**job.summary(), "notes": "\n".join(job.notes()), "facts": job.facts()}

    def _hung(self, message: str) -> None:
        Files(self.store).publish(hung_file(self.pack), message.encode())

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._start(new_config)
        return True


class Reporter(tune.Callback):
    """Feeds a run's progress. Tune pickles its callbacks into the scratch directory; the progress stays behind."""

    def __init__(
        self, progress: RunProgress | None, observer: Observer | None = None, recovery: Recovery | None = None
    ) -> None:
        self.progress, self.observer, self.recovery = progress, observer, recovery
        self._noted: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        return {"progress": None, "observer": None, "recovery": None, "_noted": set()}

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any) -> None:
        if self.progress is not None:
            names = ("done", "cells", "fraction", "diverged", "failed")
            self.progress.update(trial.config["pack"], {name: result[name] for name in names})
        if self.observer is not None:
            self.observer.heard(trial.config["pack"], result)
        for note in filter(None, result["notes"].split("\n")):
            event("note", f"pack {trial.config['pack']}: {note}", logging.WARNING, pack=trial.config["pack"], note=note)
            if note.startswith(AWAY) and note not in self._noted:
                print(note, file=sys.stderr, flush=True)
                self._noted.add(note)

    def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        if self.observer is not None:
            self.observer.started(trial.config["pack"])

    def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        if self.observer is not None:
            said = self.recovery.said.get(trial.config["pack"]) if self.recovery else None
            self.observer.died(trial.config["pack"], said or _reason(trial), again=True)

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        if self.observer is not None:
            self.observer.died(trial.config["pack"], _reason(trial), again=False)


def _reason(trial: Any) -> str:
    """Why a trial ended, in a line: of what it raised the last line of the traceback, of a worker that died the first."""
    try:
        with open(trial.error_file, encoding="utf-8", errors="replace") as stream:
            latest = stream.read().rpartition("Failure # ")[2]
    except (OSError, TypeError):  # Tune has not said
        return "it died"
    lines = [line for line in (re.sub(r"\x1b\[\d*m", "", line).strip() for line in latest.splitlines()[1:]) if line]
    if not lines:
        return "it died"
    return lines[-1] if lines[0].startswith("ray::") else lines[0]
