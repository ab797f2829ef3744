"""The best trial of every grid point of a hyperparameter search, and what the search gained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from explorer.analysis.table import require, require_numeric, single
from explorer.errors import AnalysisError
from explorer.store import Store

SEED = "seed"


def best_trials(
    table: pd.DataFrame, over: Sequence[str], settings: Sequence[str], loss: str = "loss", full: str | None = None
) -> pd.DataFrame:
    """The table with a column `best`: whether a row has the lowest loss of its grid point.

    Rows that agree in all `settings` but those of `over` are the trials of one grid point. Of equal losses the earlier row
    counts; rows that failed, diverged or have no finite loss never do. `full` names the column of training length where
    trials were pruned: only rows at the largest value of their point count.

    Raises AnalysisError for a missing or non-numeric column.
    """
    purpose = "best trials"
    require(table, [*over, *settings, loss, *([full] if full else [])], purpose)
    require_numeric(table, loss, purpose)
    counts = np.isfinite(table[loss].to_numpy(dtype=float))
    if "status" in table.columns:
        counts &= ~table["status"].isin(("failed", "diverged")).to_numpy()
    point = _number(table, [name for name in settings if name not in (*over, full)])
    if full is not None:
        longest = table[full].groupby(point).transform("max")
        counts &= (table[full] == longest).to_numpy(dtype=bool)
    places = np.flatnonzero(counts)
    ordered = places[np.argsort(table[loss].to_numpy(dtype=float)[places], kind="stable")]
    _, first = np.unique(point[ordered], return_index=True)
    best = np.zeros(len(table), dtype=bool)
    best[ordered[first]] = True
    return table.assign(best=best)


def _number(table: pd.DataFrame, by: Sequence[str]) -> np.ndarray:
    """The number of each row's group; missing counts as a value."""
    if not by or table.empty:
        return np.zeros(len(table), dtype=np.int64)
    return table.groupby(list(by), dropna=False, sort=False, observed=True).ngroup().to_numpy()


def search_trials(store: Store, where: str | None = None) -> pd.DataFrame:
    """All trials of a store's searches: their settings and outcomes, and the columns `point`, `trial`, `default`, `best`, `full`.

    `point` numbers the grid points and `trial` the trials of each from 0, in the order in which they were proposed; cells that
    differ in `steps` alone are rungs of one pruned trial. `default` marks the grid's own cells, `full` those that took all steps.

    Raises AnalysisError for a store without a search, or without cells.
    """
    searched = store.searched
    if not searched.over:
        raise AnalysisError(
            f"{store.files.name}: no search was run into this store; expected a study with a section search."
        )
    for name in searched.over:
        require(pd.DataFrame(columns=store.schema.names), [name], store.files.name)
    columns = list(dict.fromkeys(["cell_key", "status", "loss", "best", *store.settings]))
    table = store.to_pandas(columns, where)
    if table.empty:
        chosen = f" where {where}" if where else ""
        raise AnalysisError(f"{store.files.name}: no cells{chosen}; run the study first, or widen the condition.")
    keys = [key for one in sorted(store.rounds(), key=lambda one: (one.number, one.study)) for key in one.keys]
    place = {key: i for i, key in enumerate(keys)}
    grid = set(store.sql("SELECT cell_key FROM stored_grid").column(0).to_pylist())
    table = table.assign(default=table["cell_key"].isin(grid), place=table["cell_key"].map(place).fillna(-1))
    table = table.sort_values(["default", "place", "cell_key"], ascending=[False, True, True], kind="stable")
    table["point"] = _number(table, searched.point(store.settings))
    with_values = table.groupby(["point", *searched.over], dropna=False, sort=False, observed=True).ngroup()
    table["trial"] = with_values.groupby(table["point"]).transform(lambda numbers: pd.factorize(numbers)[0])
    longest = table.groupby("point")["steps"].transform("max") if searched.pruned else table["steps"]
    return table.assign(full=table["steps"] == longest).drop(columns="place").reset_index(drop=True)


def search_table(trials: pd.DataFrame, over: Sequence[str], settings: Sequence[str]) -> pd.DataFrame:
    """One row per combination of the settings that vary, seeds averaged: what was tried and what it gained.

    Columns: the settings, `seeds`, `trials` (per seed, on average), `best_loss`, `default_loss`, `gain` (default less best,
    of the seeds that have both) and its standard error `gain_se` over seeds, and of each searched setting the median of its
    best values over seeds, or the most frequent one where they are no numbers. The lowest of several noisy losses is biased
    downwards by less than its standard error times the largest of so many normal deviates; see `loss_se` in the store.
    """
    by = [n for n in settings if n not in (*over, SEED, "code_dimension") and not single(trials[n])]
    by = [n for n in by if n != "steps" or trials.loc[trials["full"], "steps"].nunique() > 1]
    rows = []
    grouped = trials.groupby(by, dropna=False, sort=True, observed=True) if by else [((), trials)]
    for key, group in grouped:
        best = group[group["best"]].set_index("point")
        default = group[group["default"] & np.isfinite(group["loss"].astype(float))].set_index("point")["loss"]
        gain = (default - best["loss"]).dropna()
        rows.append({
            **dict(zip(by, key, strict=True)),
            "seeds": group[SEED].nunique(),
            "trials": group.groupby("point")["trial"].nunique().mean(),
            "best_loss": best["loss"].mean(),
            "default_loss": default.mean(),
            "gain": gain.mean(),
            "gain_se": gain.sem() if len(gain) > 1 else np.nan,
            **{name: _typical(best[name]) for name in over},
        })  # fmt: skip
    return pd.DataFrame(rows)


def _typical(values: pd.Series) -> object:
    """The median of numbers, the most frequent of others."""
    there = values.dropna()
    if there.empty:
        return None
    if pd.api.types.is_numeric_dtype(there) and not pd.api.types.is_bool_dtype(there):
        return float(there.median())
    return there.mode().iloc[0]


def regret(trials: pd.DataFrame) -> pd.DataFrame:
    """How far the best loss so far is above the best at the end, against the number of trials.

    r(t) = min over trials s ≤ t of the loss, less the minimum over all, for each grid point; the mean over points. Only trials
    that took all steps have a loss; a point with fewer trials keeps its last value. The standard error is that of the means
    of the seeds, which are the replicates, missing for one seed.

    Returns the columns `trial` (from 0), `regret`, `se`, `seeds`.
    """
    counted = trials[trials["full"] & ~trials["status"].isin(("failed", "diverged"))].dropna(subset=["loss"])
    if counted.empty:
        return pd.DataFrame({"trial": [], "regret": [], "se": [], "seeds": []})
    losses = counted.pivot_table(index="point", columns="trial", values="loss", aggfunc="min")
    losses = losses.reindex(columns=range(int(trials["trial"].max()) + 1))
    so_far = np.minimum.accumulate(losses.fillna(np.inf).to_numpy(dtype=float), axis=1)
    above = np.where(np.isfinite(so_far), so_far - so_far[:, -1:], np.nan)
    seeds = trials.groupby("point")[SEED].first().reindex(losses.index)
    by_seed = pd.DataFrame(above, index=losses.index).groupby(seeds.to_numpy()).mean()
    return pd.DataFrame({
        "trial": losses.columns.to_numpy(dtype=int),
        "regret": pd.DataFrame(above).mean().to_numpy(),
        "se": by_seed.sem().to_numpy(),
        "seeds": by_seed.notna().sum().to_numpy(),
    })  # fmt: skip
