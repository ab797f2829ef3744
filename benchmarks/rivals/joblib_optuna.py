"""Optuna and joblib's processes: one Optuna trial per cell, asked for and told of in the parent.

The grid is enqueued: GridSampler ends a study by an exception where its trials are told of.
"""

from __future__ import annotations

import time

from .task import Minimizer, Outcome, Task, Unavailable, from_completions


def train(task: Task) -> Outcome:
    try:
        import joblib
        import optuna
        from joblib.externals.loky import get_reusable_executor
    except ImportError as error:
        raise Unavailable(f"{error.name} is not installed: pip install -e '.[bench]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    grid = {"seed": list(task.seeds), "sparsity": list(task.sparsities)}
    begin = time.time()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for seed, sparsity in task.cells:
        study.enqueue_trial({"seed": seed, "sparsity": sparsity})
    known: dict[tuple[int, float], Minimizer] = {}
    finished: list[float] = []

    def asked():
        for _ in task.cells:
            trial = study.ask()
            seed = trial.suggest_categorical("seed", grid["seed"])
            sparsity = trial.suggest_categorical("sparsity", grid["sparsity"])
            yield joblib.delayed(_trial)(task, trial.number, seed, sparsity)

    workers = joblib.Parallel(
        n_jobs=task.workers, return_as="generator_unordered", pre_dispatch="2*n_jobs", batch_size=1
    )
    for number, cell, minimizer, loss, ended in workers(asked()):
        study.tell(number, loss)
        known[cell] = minimizer
        finished.append(ended)
    # A process that ends waits for its children, and loky's stay idle for 300 s.
    get_reusable_executor().shutdown(wait=True, kill_workers=True)
    return from_completions([known[cell] for cell in task.cells], begin, finished, task.workers)


def _trial(
    task: Task, number: int, seed: int, sparsity: float
) -> tuple[int, tuple[int, float], Minimizer, float, float]:
    from .evaluation import loss
    from .module import prepare_torch, train_cell

    prepare_torch(task)
    minimizer = train_cell(task, seed, sparsity)
    return number, (seed, sparsity), minimizer, loss(minimizer, task.activation, sparsity, samples=256), time.time()
