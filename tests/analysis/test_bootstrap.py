import math

import numpy as np
import pytest
from scipy import stats

from explorer.analysis.bootstrap import LARGEST_EXACT, interval, over_seeds, seed_weights


@pytest.mark.parametrize("seeds", [1, 2, 3, 5, 7, 8, 20])
def test_weights_draw_as_many_seeds_as_there_are_and_probabilities_sum_to_one(seeds):
    counts, probability = seed_weights(seeds, np.random.default_rng(0))
    assert (counts.sum(axis=1) == seeds).all()
    assert (counts >= 0).all()
    assert probability.sum() == pytest.approx(1)
    assert len(counts) == len(probability)


@pytest.mark.parametrize("seeds", [2, 4, LARGEST_EXACT])
def test_few_seeds_are_resampled_exhaustively(seeds):
    counts, probability = seed_weights(seeds, np.random.default_rng(0))
    assert len(counts) == math.comb(2 * seeds - 1, seeds)
    assert len(np.unique(counts, axis=0)) == len(counts)
    # The bootstrap variance of a mean is known: (n - 1) / n times the sample variance, over n.
    values = np.arange(seeds, dtype=float) ** 2
    means = counts @ values / seeds
    variance = probability @ (means - values.mean()) ** 2
    assert variance == pytest.approx(values.var(ddof=0) / seeds)


def test_many_seeds_are_drawn_the_same_way_every_time():
    first, second = (seed_weights(12, np.random.default_rng(0))[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_interval_is_the_percentile_one_widened_for_few_seeds():
    values = np.linspace(-1, 1, 2001)
    weights = np.full(2001, 1 / 2001)
    for seeds in (3, 5, 30):
        low, high, _ = interval(0.0, values, weights, seeds)
        wider = math.sqrt(seeds / (seeds - 1)) * stats.t.ppf(0.975, seeds - 1) / stats.norm.ppf(0.975)
        assert (low, high) == (pytest.approx(-0.95 * wider, abs=0.01), pytest.approx(0.95 * wider, abs=0.01))


def test_interval_narrows_to_the_percentiles_for_many_seeds():
    values = np.linspace(-1, 1, 2001)
    low, high, _ = interval(0.0, values, np.full(2001, 1 / 2001), 10_000)
    assert (low, high) == (pytest.approx(-0.95, abs=0.01), pytest.approx(0.95, abs=0.01))


def test_interval_always_holds_the_estimate():
    values = np.linspace(0.5, 1, 100)
    low, high, _ = interval(0.2, values, np.full(100, 0.01), 4)
    assert low == 0.2
    assert high > 0.9


def test_probable_resamples_count_for_more():
    values = np.array([0.0, 1.0, 10.0])
    _, high, _ = interval(0.0, values, np.array([0.49, 0.5, 0.01]), 1000)
    assert high == pytest.approx(1, abs=0.01)


def test_missing_values_are_left_out_up_to_half():
    values = np.array([1.0, 2.0, np.nan, np.inf])
    assert interval(1.5, values, np.array([0.3, 0.3, 0.2, 0.2]), 3) is not None
    assert interval(1.5, values, np.array([0.2, 0.2, 0.3, 0.3]), 3) is None


def test_one_seed_has_no_interval():
    assert over_seeds(0.0, 1, lambda weights: float(weights.sum())) is None


def test_interval_of_a_mean_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        sample = generator.standard_normal(5)
        low, high, _ = over_seeds(sample.mean(), 5, lambda weights, s=sample: float(weights @ s / weights.sum()))
        covered += low <= 0 <= high
    assert 180 <= covered <= 200
