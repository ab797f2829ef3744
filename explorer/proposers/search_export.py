"""The trials of a store's searches as Optuna studies: for its dashboard, and for the importance of each setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from explorer.errors import AnalysisError
from explorer.proposers.search_space import distribution, holds, optuna_module
from explorer.store.searched import Searched

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial


def _spaces(trials: pd.DataFrame, searched: Searched) -> dict[str, BaseDistribution]:
    return {n: distribution(w, pd.api.types.is_integer_dtype(trials[n])) for n, w in searched.over.items()}


def _wide(of: BaseDistribution, value: Any) -> BaseDistribution | None:
    """A distribution that holds a value beyond its range, as defaults may be; none for one of other names."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if holds(of, value):
        return of
    if isinstance(of, CategoricalDistribution):
        return None
    assert isinstance(of, FloatDistribution | IntDistribution)
    return type(of)(min(of.low, value), max(of.high, value), of.log)  # type: ignore[arg-type]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _frozen(rungs: pd.DataFrame, spaces: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """A trial: complete with its loss, pruned where it took fewer steps, failed where a cell failed or diverged."""
    optuna = optuna_module()
    last = rungs.iloc[-1]
    values = {n: _plain(last[n]) for n in spaces if not pd.isna(last[n])}
    within = {n: wide for n, v in values.items() if (wide := _wide(spaces[n], v)) is not None}
    told: dict[str, Any] = {
        "params": {n: values[n] for n in within},
        "distributions": within,
        "user_attrs": {
            "cell_key": last["cell_key"], "status": last["status"], "default": bool(rungs["default"].any()),
            "best": bool(rungs["best"].fillna(False).any()),
        },
    }  # fmt: skip
    if rungs["status"].isin(("failed", "diverged")).any() or rungs["loss"].isna().any():
        return optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL, **told)
    reports = {int(s): float(v) for s, v in zip(rungs["steps"], rungs["loss"], strict=True)}
    if not last["full"]:
        return optuna.trial.create_trial(state=optuna.trial.TrialState.PRUNED, intermediate_values=reports, **told)
    return optuna.trial.create_trial(
        value=float(last["loss"]), intermediate_values=reports if len(reports) > 1 else {}, **told
    )


def _told(trials: pd.DataFrame, spaces: Mapping[str, BaseDistribution]) -> list[FrozenTrial]:
    return [_frozen(rungs.sort_values("steps"), spaces) for _, rungs in trials.groupby("trial", sort=True)]


def export(trials: pd.DataFrame, searched: Searched, by: Sequence[str], url: str) -> list[str]:
    """Write one Optuna study a grid point into the storage `url`, such as sqlite:///file.db; returns their names.

    A study is named by the values of the columns `by`; its trials have the user attributes `cell_key`, `status`, `default` and `best`.
    A study of that name is replaced, so that a second export adds nothing twice.

    Raises AnalysisError for a storage that cannot be opened.
    """
    optuna = optuna_module()
    try:
        storage = optuna.storages.get_storage(url)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise AnalysisError(
            f'--optuna: cannot open "{url}": {reason}; expected a URL such as sqlite:///search.db.'
        ) from error
    spaces = _spaces(trials, searched)
    there = set(optuna.get_all_study_names(storage))
    names = []
    for point, group in trials.groupby("point", sort=True):
        first = group.iloc[0]
        told = [f"{n}={v:g}" if isinstance(v, float) else f"{n}={v}" for n in by if not pd.isna(v := _plain(first[n]))]
        name = ", ".join(told) or f"point {point}"
        if name in there:
            optuna.delete_study(study_name=name, storage=storage)
        study = optuna.create_study(study_name=name, storage=storage, direction="minimize")
        study.add_trials(_told(group, spaces))
        names.append(name)
    return names


def importances(trials: pd.DataFrame, searched: Searched) -> pd.DataFrame:
    """How much of the difference between good and other trials each searched setting explains, summing to 1.

    PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023, arXiv 2304.10255) by Optuna, over all points of a seed together: a
    trial's value is the share of the trials of its point that are better, so that points with other losses compare. Trials that
    took all steps, inside the ranges. Returns the columns `setting`, `importance` (mean over seeds), `se` over seeds (missing
    for one seed), `seeds`, `trials`; the most important first.
    """
    optuna = optuna_module()
    spaces = _spaces(trials, searched)
    good = trials[trials["full"] & ~trials["status"].isin(("failed", "diverged"))].dropna(subset=["loss"])
    good = good.assign(place=good.groupby("point")["loss"].rank(pct=True))
    found: list[dict[str, float]] = []
    counted = 0
    for _, group in good.groupby("seed", sort=True):
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        for row in group.to_dict("records"):
            params = {n: _plain(row[n]) for n in spaces if not pd.isna(row[n])}
            if all(holds(spaces[n], value) for n, value in params.items()):
                within = {n: spaces[n] for n in params}
                study.add_trial(optuna.trial.create_trial(value=row["place"], params=params, distributions=within))
        counted += len(study.trials)
        if len(study.trials) > 1:
            found.append(optuna.importance.get_param_importances(study))
    if not found:
        raise AnalysisError(
            f"importances: found {counted} trials with a loss inside the ranges, expected at least 2 of a seed."
        )
    rows = []
    for name in spaces:
        values = pd.Series([one[name] for one in found if name in one], dtype=float)
        rows.append(
            {"setting": name, "importance": values.mean(), "se": values.sem(), "seeds": len(values), "trials": counted}
        )
    return pd.DataFrame(rows).sort_values("importance", ascending=False, kind="stable").reset_index(drop=True)
