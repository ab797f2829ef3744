"""A pack as a Ray Tune trial."""

from __future__ import annotations

import os
import re
from typing import Any

import torch
from ray import tune

from explorer.engine.job import PackJob
from explorer.engine.observer import Observer
from explorer.engine.progress import RunProgress
from explorer.sections import Keep


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
    ) -> None:
        torch.set_num_threads(threads)
        if os.path.isdir(
            home
        ):  # Tune works in a scratch directory; data files are looked for where the run was started
            os.chdir(home)
        self.store, self.git_revision = store, git_revision
        self.keep = Keep(curves=keep[0], minimizers=keep[1])
        self.device = "cuda:0" if gpus else "cpu"
        if (
            0 < gpus < 1
        ):  # Ray shares out a GPU's time, not its memory: a pack that wants more than its share ends alone
            torch.cuda.set_per_process_memory_fraction(gpus)
        self._start(config)

    def _start(self, config: dict[str, Any]) -> None:
        self.config = {"pack": config["pack"]}  # what every report has in it
        self.seconds = float(config["slice"])
        self.job = PackJob(config["cells"].pack(), self.store, self.keep, self.device, self.git_revision)

    def step(self) -> dict[str, Any]:
        self.job.advance(self.seconds)
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
