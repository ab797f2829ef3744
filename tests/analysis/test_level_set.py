import re

import numpy as np
import pandas as pd
import pytest

from explorer.analysis import fit_boundary
from explorer.analysis.boundary.base import Problem
from explorer.analysis.boundary.level_set import crossings, level_set, logarithmic
from explorer.analysis.plateaus import half_way
from explorer.errors import AnalysisError
from tests.analysis.tables import HAAR, logistic, switching

RATES = (0.2, 0.4, 0.6, 0.8, 1.0)


def fit(table, **options):
    return fit_boundary(table, estimator="level_set", **options)


def tilted(where=lambda rate: 0.4 + 0.3 * rate, points=None, seeds=3, noise=0.02, spread=0.0, seed=0, rates=RATES):
    """A boundary in the plane of sparsity and rate; a seed's offset is the same everywhere."""
    generator = np.random.default_rng(seed)
    points = np.linspace(0.3, 0.9, 13) if points is None else points
    parts = []
    for replicate in range(seeds):
        own = spread * generator.standard_normal()
        for rate in rates:
            order = logistic(points, where(rate) + own, 0.03) + noise * generator.standard_normal(len(points))
            parts.append(pd.DataFrame({"sparsity": points, "rate": rate, "seed": replicate, "localization": order}))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("location", [0.45, 0.6366, 0.75])
@pytest.mark.parametrize("scale", [0.02, 0.05])
def test_location_of_a_rise_is_found_along_one_axis(location, scale):
    (row,) = fit(switching(location, scale, noise=0.02)).itertuples()
    assert row.critical == pytest.approx(location, abs=0.01)
    assert row.low < row.critical < row.high
    assert 0 < row.se < 0.02
    assert (row.seeds, row.n) == (3, 75)
    assert "Gaussian process" in row.method
    assert row.threshold == pytest.approx((1 + HAAR) / 2, abs=0.03)


def test_boundary_is_followed_across_a_second_axis():
    found = fit(tilted(), across="rate")
    assert list(found.rate) == list(RATES)
    np.testing.assert_allclose(found.critical, 0.4 + 0.3 * found.rate, atol=0.012)
    assert ((found.low <= found.critical) & (found.critical <= found.high)).all()


def test_rows_on_one_side_have_no_boundary_and_say_so():
    found = fit(tilted(lambda rate: 0.3 + 0.8 * rate), across="rate").set_index("rate")
    assert np.isnan(found.critical[1.0])
    assert np.isnan(found.low[1.0])
    assert "stays below" in found.note[1.0]
    assert found.critical[0.4] == pytest.approx(0.62, abs=0.015)


def test_one_phase_is_no_boundary_in_any_row():
    found = fit(tilted(lambda rate: 5.0), across="rate")
    assert len(found) == 5
    assert found.critical.isna().all()
    assert found.note.str.contains("one phase only").all()


def test_noise_alone_makes_no_phases():
    table = tilted(lambda rate: 5.0, noise=0.3, rates=(0.2, 0.4))
    assert np.ptp(table.localization) > 1
    assert fit(table, across="rate").critical.isna().all()


def test_several_passages_are_told():
    points = np.linspace(0, 1, 31)
    order = logistic(points, 0.3, 0.02) - logistic(points, 0.7, 0.04)
    table = pd.concat([pd.DataFrame({"sparsity": points, "localization": order, "seed": s}) for s in range(2)])
    (row,) = fit(table).itertuples()
    assert row.critical == pytest.approx(0.3, abs=0.02)
    assert re.search(r"2 times, at 0\.(3|299)\d*, 0\.(7|699)\d*; the steepest is given", row.note)


def test_interval_grows_where_seeds_that_are_shared_move_the_boundary():
    still, moved = (fit(tilted(seeds=5, noise=0.01, spread=spread), across="rate") for spread in (0.0, 0.03))
    assert ((moved.high - moved.low) > 2 * (still.high - still.low)).all()


def test_interval_covers_the_truth_about_as_often_as_it_says():
    covered = []
    for seed in range(25):
        (row,) = fit(switching(0.6, 0.03, np.linspace(0.4, 0.8, 9), 4, spread=0.02, noise=0.05, seed=seed)).itertuples()
        covered.append(row.low <= 0.6 <= row.high)
    assert sum(covered) >= 21


def test_wide_gap_between_points_is_a_wide_interval():
    points = np.array([0.3, 0.35, 0.4, 0.45, 0.75, 0.8, 0.85, 0.9])
    (row,) = fit(switching(0.6, 0.005, points)).itertuples()
    assert 0.45 < row.critical < 0.75
    assert row.high - row.low > 0.05


def test_one_seed_gives_an_estimate_and_no_interval():
    (row,) = fit(switching(0.6, seeds=1, noise=0.02)).itertuples()
    assert row.critical == pytest.approx(0.6, abs=0.02)
    assert np.isnan(row.low)
    assert "no interval: it takes at least two seeds" in row.note


def test_threshold_may_be_given():
    table = switching(0.6, 0.05)
    (found,) = level_set(Problem(table, "sparsity", threshold=0.8))
    assert found.critical == pytest.approx(0.6 + 0.05 * np.log((0.8 - HAAR) / 0.2), abs=0.01)
    (refused,) = level_set(Problem(table, "sparsity", threshold=1.5))
    assert refused.critical is None
    assert "on one side of 1.5" in refused.notes[0]


def test_ragged_grid_shares_what_its_rows_know():
    whole = tilted()
    part = whole[(whole.rate != 0.6) | ((whole.sparsity > 0.6) & (whole.sparsity < 0.9))]
    row = fit(part, across="rate").set_index("rate").loc[0.6]
    assert row.critical == pytest.approx(0.58, abs=0.03)
    assert row.extrapolated > 0


def test_only_random_starts_are_used():
    table = switching(0.6, noise=0.01)
    both = pd.concat([table, table.assign(init="identity", localization=1.0)], ignore_index=True)
    assert fit(both).critical[0] == fit(table).critical[0]
    assert 'no start is called "random": used warm' in fit(table.assign(init="warm")).note[0]


def test_axis_in_even_ratios_is_logarithmic():
    points = np.geomspace(1e-3, 1, 16)
    order = logistic(np.log(points), np.log(0.02), 0.3)
    table = pd.concat([pd.DataFrame({"sparsity": points, "localization": order, "seed": s}) for s in range(2)])
    assert fit(table).critical[0] == pytest.approx(0.02, rel=0.1)
    assert logarithmic(points)
    assert not logarithmic(np.linspace(0.01, 1, 16))
    assert not logarithmic(np.array([0.0, 1.0, 10.0, 100.0]))


def test_order_of_the_rows_does_not_matter():
    table = tilted()
    shuffled = table.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(fit(table, across="rate"), fit(shuffled, across="rate"))


@pytest.mark.parametrize("count", [1, 3])
def test_few_values_give_a_note(count):
    (row,) = fit(switching(0.6, points=np.linspace(0.3, 0.9, count))).itertuples()
    assert np.isnan(row.critical)
    assert "a level set needs at least 4" in row.note


def test_bad_second_axis_is_refused():
    table = tilted()
    with pytest.raises(AnalysisError, match=r'no column "rat".*Did you mean "rate"'):
        fit(table, across="rat")
    with pytest.raises(AnalysisError, match=r'column "rate" holds .* values, expected numbers'):
        fit(table.assign(rate="a"), across="rate")


def test_second_axis_without_numbers_gives_a_note():
    (row,) = fit(tilted().assign(rate=np.nan), across="rate").itertuples()
    assert np.isnan(row.critical)
    assert "no row holds numbers of sparsity and rate" in row.note


def test_crossings_are_where_straight_lines_pass():
    np.testing.assert_allclose(crossings(np.arange(4.0), np.array([0.0, 1.0, 1.0, 0.0]), 0.25), [0.25, 2.75])
    assert not len(crossings(np.arange(3.0), np.zeros(3), 0.5))


def test_points_that_crowd_at_the_boundary_do_not_move_the_threshold():
    x = np.concatenate([np.linspace(0, 1, 9), np.full(100, 0.45)])
    means = 1 / (1 + np.exp(-(x - 0.5) / 0.03))
    assert half_way(means, np.full(len(x), 1e-4)) == pytest.approx(0.5, abs=0.02)


def test_no_threshold_without_two_phases():
    assert half_way(np.empty(0), np.empty(0)) is None
    assert half_way(np.array([0.1, 0.2]), np.zeros(2)) is None
    assert half_way(np.array([0.1, 0.5]), np.full(2, 0.04)) is None
