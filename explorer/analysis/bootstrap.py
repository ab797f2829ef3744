"""Intervals by resampling whole seeds."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

RESAMPLES = 500
LARGEST_EXACT = 6


def seed_weights(seeds: int, generator: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How often each seed is drawn in a resample, (resample, seed), and the resample's probability.

    Up to 6 seeds every distinct resample is listed with its multinomial probability, so that the bootstrap is exact;
    beyond that 500 are drawn.
    """
    if seeds > LARGEST_EXACT:
        counts = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=RESAMPLES)
        return counts.astype(float), np.full(RESAMPLES, 1 / RESAMPLES)
    rows = []
    for chosen in itertools.combinations_with_replacement(range(seeds), seeds):
        rows.append(np.bincount(chosen, minlength=seeds))
    counts = np.array(rows, dtype=float)
    factorials = np.array([math.prod(math.factorial(int(c)) for c in row) for row in counts])
    return counts, math.factorial(seeds) / factorials / seeds**seeds


class Spread(NamedTuple):
    """An interval about an estimate, and its standard error."""

    low: float
    high: float
    se: float


def interval(
    estimate: float, values: NDArray[np.float64], weights: NDArray[np.float64], seeds: int, level: float = 0.95
) -> Spread | None:
    """Percentile interval about an estimate, widened for few seeds; None unless half of the resamples gave a value.

    The percentile bootstrap is too narrow by √((n − 1)/n) and by normal instead of Student quantiles (Hesterberg,
    "What teachers should know about the bootstrap", 2015, section 3.3); the distances of its ends from the estimate are
    multiplied by √(n/(n − 1)) t_{n−1} / z, and the deviation of the resamples by √(n/(n − 1)). Resamples without a value count
    as missing.
    """
    present = np.isfinite(values)
    if seeds < 2 or weights[present].sum() < 0.5 * weights.sum():
        return None
    tail = (1 - level) / 2
    low, high = _quantiles(values[present], weights[present], (tail, 1 - tail))
    wider = math.sqrt(seeds / (seeds - 1)) * float(special.stdtrit(seeds - 1, 1 - tail) / special.ndtri(1 - tail))
    share = weights[present] / weights[present].sum()
    deviation = math.sqrt(float(share @ (values[present] - float(share @ values[present])) ** 2))
    se = math.sqrt(seeds / (seeds - 1)) * deviation
    return Spread(estimate - wider * max(estimate - low, 0.0), estimate + wider * max(high - estimate, 0.0), se)


def _quantiles(
    values: NDArray[np.float64], weights: NDArray[np.float64], at: tuple[float, float]
) -> tuple[float, float]:
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order]) / weights.sum()
    low, high = (values[order][min(int(np.searchsorted(cumulative, q - 1e-12)), len(values) - 1)] for q in at)
    return float(low), float(high)


def over_seeds(estimate: float, seeds: int, compute: Callable[[NDArray[np.float64]], float]) -> Spread | None:
    """95 % interval of `compute(weight of each seed)` about the estimate from all seeds."""
    return over_resamples(estimate, seeds, lambda rows: np.array([compute(row) for row in rows]))


def over_resamples(
    estimate: float, seeds: int, compute: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> Spread | None:
    """The same for a `compute` that takes all resamples at once, weights (resample, seed), and gives a value for each."""
    if seeds < 2:
        return None
    counts, probability = resamples(seeds)
    return interval(estimate, compute(counts), probability, seeds)


@functools.lru_cache(maxsize=16)
def resamples(seeds: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The `seed_weights` that all intervals use: the same whenever there are as many seeds."""
    return seed_weights(seeds, np.random.default_rng(0))
