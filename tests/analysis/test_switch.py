import numpy as np
import pandas as pd
import pytest

from explorer.analysis import fit_boundary
from explorer.analysis.boundary.switch import GROUPS_AT_ONCE
from explorer.analysis.outliers import far_off
from tests.analysis.tables import switching


def fit(table, **options):
    (row,) = fit_boundary(table, estimator="switch", **options).itertuples()
    return row


@pytest.mark.parametrize("location", [0.4, 0.6366, 0.8])
@pytest.mark.parametrize("scale", [0.005, 0.02, 0.05])
def test_location_and_width_of_a_logistic_are_found(location, scale):
    row = fit(switching(location, scale))
    assert row.critical == pytest.approx(location, abs=0.005)
    if scale > 0.01:  # a steeper rise than the grid's step has no width that could be found
        assert row.width == pytest.approx(4 * scale, rel=0.02)


def test_falling_order_parameter_switches_too():
    table = switching(0.5)
    assert fit(table.assign(localization=1 - table.localization)).critical == pytest.approx(0.5, abs=0.005)


def test_seeds_that_agree_give_an_interval_of_no_width():
    row = fit(switching(0.6, seeds=3))
    assert row.seeds == 3
    assert row.low == pytest.approx(row.critical, abs=1e-6)
    assert row.high == pytest.approx(row.critical, abs=1e-6)


def test_interval_grows_with_the_spread_of_the_seeds():
    narrow, wide = (fit(switching(0.6, seeds=4, spread=spread, seed=2)) for spread in (0.005, 0.03))
    assert 0 < narrow.high - narrow.low < wide.high - wide.low
    assert narrow.low <= narrow.critical <= narrow.high


def test_one_seed_gives_an_estimate_a_note_and_no_interval():
    row = fit(switching(0.6, seeds=1))
    assert row.critical == pytest.approx(0.6, abs=0.005)
    assert np.isnan(row.low)
    assert np.isnan(row.high)
    assert "no interval: it takes at least two seeds" in row.note


@pytest.mark.parametrize("location", [0.1, 2.0])
def test_one_phase_gives_a_note_and_no_number(location):
    row = fit(switching(location))
    assert np.isnan(row.critical)
    assert np.isnan(row.low)
    assert "one phase only" in row.note
    assert "[0.3, 0.9]" in row.note


def test_rise_that_only_begins_inside_is_no_switch():
    row = fit(switching(0.93, scale=0.03))
    assert np.isnan(row.critical)
    assert "does not switch inside [0.3, 0.9]" in row.note


@pytest.mark.parametrize("count", [1, 3])
def test_few_points_give_a_note_and_no_number(count):
    row = fit(switching(0.6, points=np.linspace(0.3, 0.9, count)))
    assert np.isnan(row.critical)
    assert f"{count} values of sparsity" in row.note
    assert "at least 4" in row.note


def test_only_random_starts_are_used():
    table = switching(0.6)
    identity = table.assign(init="identity", localization=1.0)
    assert fit(switching(0.6)).critical == fit(pd.concat([table, identity], ignore_index=True)).critical


@pytest.mark.parametrize("location", [0.6, 2.0])
def test_other_starts_are_used_where_none_is_random_and_named(location):
    row = fit(switching(location).assign(init="warm"))
    assert 'no start is called "random": used warm' in row.note


def test_table_without_a_start_column_is_used_whole():
    assert fit(switching(0.6).drop(columns="init")).critical == pytest.approx(0.6, abs=0.005)


def test_missing_cells_do_not_move_the_boundary():
    whole = switching(0.6, seeds=4, spread=0.01)
    holes = whole.sample(frac=0.7, random_state=0)
    assert fit(holes).critical == pytest.approx(fit(whole).critical, abs=0.01)
    assert fit(holes).seeds == 4


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_without_an_order_parameter_are_left_out(bad):
    table = switching(0.6)
    table.loc[::5, "localization"] = bad
    assert fit(table).critical == pytest.approx(0.6, abs=0.005)


@pytest.mark.parametrize("status", ["failed", "diverged"])
def test_rows_that_failed_or_diverged_are_left_out(status):
    good = switching(0.6).assign(status="converged")
    bad = good.assign(status=status, localization=0.0, seed=77)
    row = fit(pd.concat([good, bad], ignore_index=True))
    assert row.critical == fit(good).critical
    assert row.seeds == 3


def test_order_and_index_of_the_rows_do_not_matter():
    table = switching(0.6, spread=0.01)
    failed = table.assign(status="failed", localization=0.0)
    shuffled = pd.concat([table.assign(status="budget"), failed]).sample(frac=1, random_state=0)
    shuffled.index = [0] * len(shuffled)
    assert fit(shuffled).critical == pytest.approx(fit(table).critical, abs=1e-9)


def test_seeds_may_be_names():
    table = switching(0.6)
    assert fit(table.assign(seed=table.seed.map("run-{}".format))).critical == fit(table).critical


def test_columns_may_have_other_names_and_the_axis_any_scale():
    table = switching(0.6).rename(columns={"sparsity": "temperature", "localization": "magnet", "seed": "replica"})
    table["temperature"] *= 1000
    row = fit(table, along="temperature", order="magnet", seed="replica")
    assert row.critical == pytest.approx(600, rel=0.01)
    assert row.width == pytest.approx(80, rel=0.02)


def test_mixed_range_says_where_neither_phase_was_found():
    row = fit(switching(0.6, points=np.linspace(0.5, 0.7, 21)))
    # Between 1.6 times Haar's value and 0.9 lies the logistic from 0.528 to 0.643.
    assert row.mixed_low == pytest.approx(0.53, abs=0.011)
    assert row.mixed_high == pytest.approx(0.64, abs=0.011)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rows = [fit(switching(0.6, points=np.linspace(0.4, 0.8, 9), spread=0.02, seed=s)) for s in range(40)]
    covered = sum(row.low <= 0.6 <= row.high for row in rows)
    assert covered >= 33


def test_third_of_the_cells_missing_leaves_the_interval_honest():
    rows = []
    for seed in range(40):
        table = switching(0.6, scale=0.02, spread=0.03, seeds=5, seed=seed, points=np.linspace(0.3, 0.9, 13))
        rows.append(fit(table.sample(frac=0.7, random_state=seed)))
    covered = sum(row.low <= 0.6 <= row.high for row in rows)
    assert 33 <= covered <= 40


def test_seeds_missing_at_some_points_do_not_bend_the_curve():
    table = switching(0.6, scale=0.02, seeds=4, spread=0.03, seed=3)
    late = table[table.seed == int(table.groupby("seed").localization.mean().idxmin())].index[0] // 25
    gap = table.sparsity.round(3).isin([0.575, 0.6]) & (table.seed == late)
    assert fit(table[~gap]).critical == pytest.approx(fit(table).critical, abs=0.005)
    assert fit(table[~gap]).n == len(table) - 2


def test_long_gap_of_a_seed_is_not_bridged():
    table = switching(0.6, seeds=2)
    gone = (table.seed == 0) & (table.sparsity > 0.45) & (table.sparsity < 0.75)
    assert fit(table[~gone]).critical == pytest.approx(0.6, abs=0.005)


@pytest.mark.parametrize("value", [1000.0, -40.0])
def test_value_far_from_all_others_is_left_out_and_named(value):
    table = switching(0.6, seeds=4, spread=0.01, noise=0.01)
    spoilt = table.copy()
    spoilt.loc[30, "localization"] = value
    row = fit(spoilt)
    assert row.critical == pytest.approx(fit(table).critical, abs=0.005)
    assert row.n == len(table) - 1
    assert f"1 of 100 values of localization far from all others left out: {value:.3g} at 0.425" in row.note


def test_phase_that_begins_at_the_end_of_the_axis_is_not_far_off():
    values = np.where(np.tile(np.arange(25), 3) == 24, 0.95, 0.05) + 0.001 * np.random.default_rng(0).standard_normal(
        75
    )
    assert not far_off(values, np.tile(np.linspace(0.3, 0.9, 25), 3)).any()


@pytest.mark.parametrize("values", [[], [np.nan], [1.0], [1.0, 50.0], np.full(30, 2.0)])
def test_few_and_equal_values_are_never_far_off(values):
    assert not far_off(np.array(values, dtype=float), np.zeros(len(values))).any()


def test_heavy_tails_are_not_far_off():
    generator = np.random.default_rng(0)
    found = [far_off(generator.standard_t(3, 300), np.tile(np.arange(60), 5)).sum() for _ in range(200)]
    assert sum(found) <= 1


def test_noise_that_is_not_monotone_leaves_the_interval_around_the_truth():
    covered = 0
    for seed in range(40):
        row = fit(switching(0.6, scale=0.03, noise=0.08, seeds=4, seed=seed, points=np.linspace(0.3, 0.9, 13)))
        covered += row.low <= 0.6 <= row.high
    assert covered >= 34


def test_groups_that_are_fitted_together_have_the_bits_of_each_alone():
    """Of unlike numbers of points and seeds, some without a switch; more than are fitted at once."""
    tables = [
        switching(0.3 + 0.02 * n, 0.01 * (1 + n % 3), np.linspace(0.3, 0.9, 13 + n % 4), 1 + n % 8, 0.02, 0.05, seed=n)
        for n in range(2 * GROUPS_AT_ONCE + 3)
    ]
    tables[5].loc[::7, "localization"] = np.nan
    labelled = [table.assign(rate=float(n)) for n, table in enumerate(tables)]
    together = fit_boundary(pd.concat(labelled), by=["rate"], estimator="switch")
    alone = pd.concat([fit_boundary(table, by=["rate"], estimator="switch") for table in labelled], ignore_index=True)
    assert together["low"].notna().sum() > GROUPS_AT_ONCE
    pd.testing.assert_frame_equal(together, alone, check_exact=True)
