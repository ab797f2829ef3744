"""A pack as a Ray Tune trial."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import ray
import torch
from ray import tune

from explorer.cells import Cell, Pack
from explorer.engine.job import PackJob
from explorer.engine.observer import Observer
from explorer.engine.progress import RunProgress
from explorer.sections import Keep

SLICE_SECONDS = 1.0

PackData = tuple[Sequence[dict[str, Any]], int]


def pack_data(pack: Pack) -> PackData:
    """A pack as plain data, for the object store."""
    return pack.settings, pack.width


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
    ) -> None:
        torch.set_num_threads(threads)
        if os.path.isdir(
            home
        ):  # Tune works in a scratch directory; data files are looked for where the run was started
            os.chdir(home)
        self.packs, self.store, self.git_revision = packs, store, git_revision
        self.keep = Keep(curves=keep[0], minimizers=keep[1])
        self.device = "cuda:0" if gpu else "cpu"
        self._start(config)

    def _start(self, config: dict[str, Any]) -> None:
        settings, width = ray.get(self.packs[config["pack"]])
        pack = Pack(tuple(Cell(s) for s in settings), width)
        self.job = PackJob(pack, self.store, self.keep, self.device, self.git_revision)

    def step(self) -> dict[str, Any]:
        self.job.advance(SLICE_SECONDS)
        return {**self.job.summary(), "facts": self.job.facts()}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._start(new_config)
        return True


class Reporter(tune.Callback):
    """Feeds a run's progress. Tune pickles its callbacks into the scratch directory; the progress stays behind."""

    def __init__(self, progress: RunProgress | None, observer: Observer | None = None) -> None:
        self.progress, self.observer = progress, observer

    def __getstate__(self) -> dict[str, Any]:
        return {"progress": None, "observer": None}

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any) -> None:
        if self.progress is not None:
            names = ("done", "cells", "fraction", "diverged", "failed")
            self.progress.update(trial.config["pack"], {name: result[name] for name in names})
        if self.observer is not None:
            self.observer.heard(trial.config["pack"], result)

    def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        if self.observer is not None:
            self.observer.started(trial.config["pack"])

    def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        if self.observer is not None:
            self.observer.died(trial.config["pack"], _reason(trial), again=True)

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
