"""One Ray Tune trial per cell, with a fresh actor for each or with reused ones.

Settings as fast as Tune has them: a class Trainable, one step and one flat result a trial, no loggers, no checkpoints, no
periodic snapshot of the experiment.
"""

from __future__ import annotations

import functools
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from ray import tune

from .ray_session import session
from .task import Outcome, Task, from_completions


class Cell(tune.Trainable):
    """One cell, trained in one step; its minimizer is a file."""

    def setup(self, config: dict[str, Any], task: Task, folder: str) -> None:
        from .module import prepare_torch

        prepare_torch(task)
        self.task, self.folder, self.index = task, folder, config["cell"]

    def step(self) -> dict[str, Any]:
        from .evaluation import loss
        from .module import train_cell

        seed, sparsity = self.task.cells[self.index]
        encoder, decoder = minimizer = train_cell(self.task, seed, sparsity)
        np.savez(_file(self.folder, self.index), encoder=encoder, decoder=decoder)
        value = loss(minimizer, self.task.activation, sparsity, samples=256)
        return {"loss": value, "ended": time.time(), "done": True}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.index = new_config["cell"]
        return True


def train(task: Task, reuse_actors: bool) -> Outcome:
    with session(task.workers), tempfile.TemporaryDirectory() as folder:
        begin = time.time()
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(Cell, task=task, folder=folder), {"cpu": 1}),
            param_space={"cell": tune.grid_search(list(range(len(task.cells))))},
            tune_config=tune.TuneConfig(reuse_actors=reuse_actors),
            run_config=tune.RunConfig(
                name="cells", storage_path=f"{folder}/tune", verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            ),
        )  # fmt: skip
        results = tuner.fit()
        if results.errors:
            raise RuntimeError(f"{len(results.errors)} trials failed: {results.errors[0]}")
        ended = [result.metrics["ended"] for result in results]
        files = [np.load(_file(folder, i)) for i in range(len(task.cells))]
        minimizers = [(file["encoder"], file["decoder"]) for file in files]
        return from_completions(minimizers, begin, ended, task.workers)


fresh = functools.partial(train, reuse_actors=False)
reused = functools.partial(train, reuse_actors=True)


def _file(folder: str, cell: int) -> Path:
    return Path(folder) / f"{cell}.npz"
