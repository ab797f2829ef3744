"""Ours: `explorer run` of a study with the same cells on a Ray that is up; on a GPU one pack in this process.

What a rival does not do is part of the time on a CPU: the population loss on 16,384 fresh samples, the observables, and the rows
in the store. The compiler's cache is empty at the start.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from typing import Any

import numpy as np

from .ray_session import session
from .task import Minimizer, Outcome, Task, from_completions

WARM_STEPS = 20


def settings(task: Task) -> dict[str, Any]:
    """What all cells of a task have in common."""
    return {
        "source": "sparse", "base": "rademacher", "architecture": "two_layer", "activation": task.activation,
        "dimension": task.dimension, "rate": 1.0, "steps": task.steps, "batch": task.batch, "optimizer": "adam",
        "learning_rate": task.learning_rate, "schedule": "cosine",
        **({"surrogate_width": task.surrogate_width} if task.activation == "sign" else {}),
    }  # fmt: skip


def train(task: Task) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = f"{folder}/compiled"
        return pack(task) if task.device == "cuda" else study(task, folder)


def study(task: Task, folder: str) -> Outcome:
    """The cells as a study into a new store."""
    from explorer.engine import plan_study, run_study
    from explorer.store import open_store
    from explorer.study import Study

    document = {
        "name": "peers",
        "axes": {**settings(task), "sparsity": list(task.sparsities), "seed": list(task.seeds)},
        "keep": {"minimizers": True},
    }
    asked, out = Study(json.dumps(document), "peers"), f"{folder}/store"
    with session(task.workers):
        begin = time.time()
        run_study(asked, out, progress=False)
    store = open_store(out)
    rows = store.to_pandas(["cell_key", "seed", "sparsity", "finished_at"])
    keys = {(row.seed, row.sparsity): row.cell_key for row in rows.itertuples()}
    kept = [_matrices(store.minimizer(keys[cell])) for cell in task.cells]
    finished = sorted(moment.timestamp() for moment in rows.finished_at)
    together = plan_study(asked, f"{folder}/none").packs[0].slots * task.workers
    waves = max(1, len(finished) // together)  # packs that all workers train at a time, and then all the next
    return from_completions(kept, begin, finished[: waves * together], together)


def pack(task: Task, compiled: bool = True) -> Outcome:
    """The cells as one pack; compiling and the first steps are start-up."""
    import torch

    from explorer.cells import Cell, make_packs
    from explorer.training import PackRun

    def now() -> float:
        if task.device == "cuda":
            torch.cuda.synchronize()
        return time.time()

    begin = time.time()
    common = settings(task)
    cells = [Cell.of(**common, seed=seed, sparsity=sparsity) for seed, sparsity in task.cells]
    (members,) = make_packs(cells, {cells[0].shape_key: len(cells)})
    run = PackRun(members, task.device, compiled)
    warm = min(WARM_STEPS, task.steps // 2)
    run.advance(warm)
    begun = now()
    run.advance(task.steps)
    results = {result.cell.key: result for result in run.finish()}
    seconds = (now() - begun) * task.steps / (task.steps - warm)
    return Outcome([_matrices(results[cell.key].minimizer) for cell in cells], seconds, len(cells), begun - begin)


def _matrices(minimizer: dict[str, np.ndarray] | None) -> Minimizer:
    if minimizer is None:
        raise RuntimeError("a cell of explorer's diverged")
    return minimizer["encoder"], minimizer["decoder"]
