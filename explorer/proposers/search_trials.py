"""The trials of one grid point, known from a store, and the Optuna study that is rebuilt from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from explorer.proposers.search_space import holds, optuna_module, pruner

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

# The loss of x̂ = 0 where x has unit variance: a scale of losses where a point has none, or one.
LOSS_OF_NOTHING = 1.0
CMA_GENERATION, CMA_OPTIMIZER = "cma:generation", "cma:optimizer"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a cell ended."""

    key: str
    status: str
    loss: float | None

    @property
    def good(self) -> bool:
        """Whether there is a finite loss."""
        return self.status not in ("failed", "diverged") and self.loss is not None and math.isfinite(self.loss)


@dataclass(slots=True)
class Known:
    """A trial: values of the searched settings, and the cells trained for it by rung (the last rung has all steps)."""

    params: dict[str, Any]
    cells: dict[int, Ended] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether a cell died: that says nothing of its hyperparameters."""
        return any(cell.status == "failed" for cell in self.cells.values())

    @property
    def diverged(self) -> bool:
        """Whether a cell has no finite loss, because of its hyperparameters."""
        return not self.failed and not all(cell.good for cell in self.cells.values())

    @property
    def reports(self) -> dict[int, float]:
        """The losses by rung."""
        return {
            rung: float(cell.loss) for rung, cell in sorted(self.cells.items()) if cell.good and cell.loss is not None
        }


def loss_of(trial: Known, last: int) -> float | None:
    """The loss of a trial that took all steps."""
    return None if trial.failed or trial.diverged else trial.reports.get(last)


def penalty(trials: Sequence[Known]) -> float:
    """The loss that a diverged trial stands for: as far above the worst that was found as that is above the best.

    It is the worst of all for samplers that rank, and no outlier for those that fit.
    """
    losses = [loss for trial in trials for loss in trial.reports.values()]
    worst = max(losses, default=LOSS_OF_NOTHING)
    return worst + ((worst - min(losses, default=worst)) or LOSS_OF_NOTHING)


def to_promote(trials: Sequence[Known], name: str, budget: int, rungs: tuple[int, ...], of: str) -> list[int]:
    """The numbers of the trials that ended a rung below the last and go on to the next, by Optuna's pruner.

    Each is judged against those before it, as if they had been trained one after another, and again in each round while it
    waits: the answer is a function of what is known. `of` names the point.
    """
    optuna = optuna_module()
    study = optuna.create_study(
        study_name=of, sampler=optuna.samplers.RandomSampler(seed=0), pruner=pruner(name, budget, rungs)
    )
    promoted = []
    for number, trial in enumerate(trials):
        asked, pruned = study.ask(), False
        reached = max(trial.cells, default=0)
        for rung, loss in trial.reports.items():
            asked.report(loss, rung)
            pruned = rung < rungs[-1] and asked.should_prune() and rung == reached
        if trial.failed or trial.diverged:
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
        elif reached == rungs[-1]:
            study.tell(asked, trial.reports[reached])
        elif pruned:
            study.tell(asked, state=optuna.trial.TrialState.PRUNED)
        else:
            promoted.append(number)
    return promoted


def frozen(trial: Known, spaces: Mapping[str, BaseDistribution], running: bool, last: int, worst: float) -> FrozenTrial:
    """A trial as Optuna is told of it.

    With a loss it is complete; diverged it is complete with the loss `worst`, so that the sampler keeps away; failed, it
    failed, and says nothing; with fewer steps it is pruned, or `running` where it goes on. A trial outside the ranges, as
    defaults may be, is told without its values.
    """
    optuna = optuna_module()
    state = optuna.trial.TrialState
    inside = all(name in spaces and holds(spaces[name], value) for name, value in trial.params.items())
    told = {"params": trial.params, "distributions": {n: spaces[n] for n in trial.params}} if inside else {}
    keys = {"cell_key": trial.cells[max(trial.cells)].key}
    loss = worst if trial.diverged else loss_of(trial, last)
    if trial.failed or not inside:
        return optuna.trial.create_trial(state=state.FAIL, user_attrs=keys, **told)
    if loss is not None:
        reports = trial.reports if len(trial.cells) > 1 else {}
        return optuna.trial.create_trial(value=loss, intermediate_values=reports, user_attrs=keys, **told)
    which = state.RUNNING if running else state.PRUNED
    return optuna.trial.create_trial(state=which, intermediate_values=trial.reports, user_attrs=keys, **told)


def rebuilt(
    trials: Sequence[Known],
    spaces: Mapping[str, BaseDistribution],
    with_sampler: BaseSampler,
    running: Sequence[int],
    last: int,
) -> Study:
    """An Optuna study in memory that knows these trials, to be asked for more."""
    optuna = optuna_module()
    study = optuna.create_study(sampler=with_sampler)
    worst = penalty(trials)
    told = [frozen(trial, spaces, number in running, last, worst) for number, trial in enumerate(trials)]
    if isinstance(with_sampler, optuna.samplers.CmaEsSampler):
        _replay(study, told, len(spaces))
    else:
        study.add_trials(told)
    return study


def _replay(study: Study, told: Sequence[FrozenTrial], dimension: int) -> None:
    """Tell CMA-ES of trials in generations: Optuna keeps its state, mean and covariance, in the trials that it has asked for.

    Each full generation is told by asking for a trial, whose state the next generation begins with.
    """
    optuna = optuna_module()
    size = 4 + math.floor(3 * math.log(max(1, dimension)))
    complete = [trial for trial in told if trial.state == optuna.trial.TrialState.COMPLETE]
    study.add_trials([trial for trial in told if trial.state != optuna.trial.TrialState.COMPLETE])
    state: dict[str, Any] = {}
    for generation, begin in enumerate(range(0, len(complete), size)):
        if begin:
            asked = study.ask()
            _ = asked.relative_params  # Optuna samples where a value is first looked at
            attributes = study.get_trials(deepcopy=False)[asked.number].system_attrs
            state = {name: value for name, value in attributes.items() if name.startswith(CMA_OPTIMIZER)}
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
        for trial in complete[begin : begin + size]:
            trial.system_attrs = {CMA_GENERATION: generation, **state}
            state = {}
            study.add_trial(trial)
