"""Searched settings as Optuna knows them: distributions, samplers and pruners. Optuna is imported where it is used."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from explorer.errors import StudyError

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

# Sampled numbers are decimal to six digits, so that cells stay nameable.
DIGITS = 6
# Trials before the sampler models anything, at most; a third of the budget where that is less.
STARTUP = 10
# Trials that end before the median prunes.
MEDIAN_AFTER = 5


def optuna_module() -> Any:
    """Optuna, which speaks of errors alone from then on; StudyError where it is not installed."""
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise StudyError(
            "search needs the package optuna, which is not installed; expected: pip install optuna."
        ) from error

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def distribution(written: object, whole: bool) -> BaseDistribution:
    """The distribution of a searched setting, from what is written in the study: a list of values or {low, high, log}."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(written, Mapping):
        return CategoricalDistribution(tuple(written))  # type: ignore[arg-type]
    low, high, log = written["low"], written["high"], bool(written.get("log", False))
    return IntDistribution(int(low), int(high), log) if whole else FloatDistribution(float(low), float(high), log)


def holds(of: BaseDistribution, value: Any) -> bool:
    """Whether a value lies in a distribution."""
    from optuna.distributions import CategoricalDistribution

    if isinstance(of, CategoricalDistribution):
        return value in of.choices
    return not isinstance(value, str) and of.low <= value <= of.high  # type: ignore[attr-defined]


def suggest(trial: Trial, name: str, of: BaseDistribution) -> Any:
    """A trial's value of one setting."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(of, CategoricalDistribution):
        return trial.suggest_categorical(name, of.choices)
    if isinstance(of, IntDistribution):
        return trial.suggest_int(name, of.low, of.high, log=of.log)
    assert isinstance(of, FloatDistribution)
    value = float(f"{trial.suggest_float(name, of.low, of.high, log=of.log):.{DIGITS}g}")
    return min(max(value, of.low), of.high)


def seed_of(*parts: object) -> int:
    """A seed in [0, 2^32) that is a function of these parts."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")


def sampler(name: str, budget: int, seed: int, lasting_seed: int) -> BaseSampler:
    """An Optuna sampler: `seed` is that of one round, `lasting_seed` that of all rounds, for a sequence that goes on.

    tpe: tree-structured Parzen estimators (Bergstra et al. 2011), trials in flight counted as bad ones; gp: Gaussian
    process; cmaes: covariance matrix adaptation (Hansen 2016); qmc: a scrambled Sobol' sequence; random.
    """
    optuna = optuna_module()
    samplers = optuna.samplers
    startup = min(STARTUP, max(2, budget // 3))
    if name == "tpe":
        return samplers.TPESampler(seed=seed, n_startup_trials=startup, constant_liar=True)
    if name == "gp":
        return samplers.GPSampler(seed=seed, n_startup_trials=startup, warn_independent_sampling=False)
    if name == "cmaes":
        return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
    if name == "qmc":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return samplers.QMCSampler(scramble=True, seed=lasting_seed, warn_independent_sampling=False)
    return samplers.RandomSampler(seed=seed)


def pruner(name: str, budget: int, rungs: tuple[int, ...]) -> BasePruner:
    """An Optuna pruner whose trials report at these rungs, each as many times the one before as the reduction factor."""
    pruners = optuna_module().pruners
    factor = rungs[1] // rungs[0]
    if name == "median":
        return pruners.MedianPruner(n_startup_trials=min(MEDIAN_AFTER, max(1, budget // 3)))
    if name == "successive_halving":
        return pruners.SuccessiveHalvingPruner(min_resource=rungs[0], reduction_factor=factor)
    if name == "hyperband":
        return pruners.HyperbandPruner(min_resource=rungs[0], max_resource=rungs[-1], reduction_factor=factor)
    return pruners.NopPruner()
