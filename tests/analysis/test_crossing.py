import numpy as np
import pandas as pd
import pytest

from explorer.analysis import fit_boundary
from tests.analysis.tables import HAAR, ROTATION_LOSS, branches

CRITICAL = 2 / np.pi


def fit(table, **options):
    (row,) = fit_boundary(table, estimator="crossing", **options).itertuples()
    return row


def joined(*tables):
    return pd.concat(tables, ignore_index=True)


def test_equal_losses_are_found_exactly_on_straight_branches():
    row = fit(branches())
    assert row.critical == pytest.approx(CRITICAL, abs=1e-6)
    assert row.extrapolated == 0
    assert row.note == ""
    assert np.isnan(row.width)


def test_tilted_branches_cross_where_they_should():
    row = fit(branches(rotation=lambda x: 0.5 - 0.2 * x, identity=lambda x: 1 - x))
    assert row.critical == pytest.approx(0.625, abs=1e-6)


def test_branch_that_bends_far_away_does_not_move_the_crossing():
    row = fit(branches(points=np.linspace(0.1, 1, 37), identity=lambda x: 1 - x - 2 * np.maximum(0.35 - x, 0) ** 2))
    assert row.critical == pytest.approx(CRITICAL, abs=1e-6)


def test_gap_between_the_branches_is_bridged_and_reported():
    row = fit(branches(rotation_until=0.45, identity_from=0.72))
    assert row.critical == pytest.approx(CRITICAL, abs=1e-6)
    assert row.extrapolated == pytest.approx(CRITICAL - 0.45, abs=1e-6)
    assert "rotation branch extrapolated by 0.187" in row.note


def test_extrapolation_of_the_identity_is_reported_as_its_own():
    row = fit(branches(identity_from=0.72))
    assert "identity branch extrapolated by" in row.note
    assert row.extrapolated > 0


def test_interval_holds_the_truth_and_grows_with_the_noise():
    quiet, loud = (fit(branches(noise=noise, seeds=5)) for noise in (0.001, 0.01))
    assert 0 < quiet.high - quiet.low < loud.high - loud.low
    for row in (quiet, loud):
        assert row.low <= row.critical <= row.high
        assert row.low <= CRITICAL <= row.high


@pytest.mark.parametrize("until", [1.0, 0.5], ids=["measured", "extrapolated"])
def test_interval_covers_the_truth_about_as_often_as_it_says(until):
    rows = [fit(branches(noise=0.004, seed=s, rotation_until=until, identity_from=0.6)) for s in range(60)]
    covered = sum(row.low <= CRITICAL <= row.high for row in rows)
    assert covered >= 52


def test_one_seed_gives_an_estimate_a_note_and_no_interval():
    row = fit(branches(seeds=1))
    assert row.critical == pytest.approx(CRITICAL, abs=1e-6)
    assert np.isnan(row.low)
    assert "no interval: it takes at least two seeds" in row.note


@pytest.mark.parametrize(
    ("options", "phase"), [({"rotation_until": 0}, "rotation"), ({"identity_from": 1}, "identity")]
)
def test_one_phase_gives_a_note_and_no_number(options, phase):
    row = fit(branches(**options))
    assert np.isnan(row.critical)
    assert f"{phase} found at 0 values of sparsity; a branch needs at least 2" in row.note


def test_single_point_gives_a_note_and_no_number():
    row = fit(branches(points=[0.6]))
    assert np.isnan(row.critical)
    assert "found at 1 value of sparsity" in row.note


def test_branches_that_would_meet_outside_do_not_cross():
    row = fit(branches(points=np.linspace(0.1, 0.5, 9)))
    assert np.isnan(row.critical)
    assert "would meet only beyond 0.5: no crossing in [0.1, 0.5]" in row.note


def test_parallel_branches_do_not_cross():
    row = fit(branches(identity=lambda x: ROTATION_LOSS + 0.1 + 0 * x))
    assert np.isnan(row.critical)
    assert "no crossing" in row.note


def test_mixed_minimizers_are_left_out_and_their_range_is_reported():
    pure = branches()
    mixed = pure[(pure.sparsity > 0.44) & (pure.sparsity < 0.71)].assign(localization=0.5, loss=0.0)
    row = fit(joined(pure, mixed))
    assert row.critical == pytest.approx(CRITICAL, abs=1e-6)
    assert (row.mixed_low, row.mixed_high) == (pytest.approx(0.45), pytest.approx(0.7))


def test_tie_broken_identities_are_left_out_and_reported():
    exact = branches().assign(tying=0.99)
    broken = exact[(exact.init == "identity") & (exact.sparsity < 0.5)].assign(tying=0.5, loss=0.1)
    row = fit(joined(exact, broken))
    assert row.critical == pytest.approx(CRITICAL, abs=1e-6)
    assert "tie-broken identities left out in [0.3, 0.45]" in row.note


def test_phase_and_not_start_says_which_branch_a_row_is_on():
    table = branches()
    table["init"] = "random"
    assert fit(table).critical == pytest.approx(CRITICAL, abs=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_without_a_loss_are_left_out(bad):
    table = branches()
    table.loc[::7, "loss"] = bad
    assert fit(table).critical == pytest.approx(CRITICAL, abs=1e-6)


def test_seed_without_any_loss_on_one_branch_is_left_out_there():
    table = branches(seeds=3, noise=0.001)
    table.loc[(table.seed == 1) & (table.init == "random"), "loss"] = np.nan
    row = fit(table)
    assert row.critical == pytest.approx(CRITICAL, abs=0.01)
    assert row.low < row.critical < row.high


@pytest.mark.parametrize("status", ["failed", "diverged"])
def test_rows_that_failed_or_diverged_are_left_out(status):
    good = branches().assign(status="budget")
    bad = good.assign(status=status, loss=0.0, seed=9)
    row = fit(joined(good, bad))
    assert row.critical == pytest.approx(CRITICAL, abs=1e-6)
    assert row.seeds == 3


def test_missing_cells_do_not_move_the_crossing():
    assert fit(branches().sample(frac=0.6, random_state=1)).critical == pytest.approx(CRITICAL, abs=1e-6)


def test_columns_may_have_other_names():
    names = {"sparsity": "p", "localization": "ipr", "loss": "mse", "seed": "run", "init": "from", "dimension": "d"}
    row = fit(branches().rename(columns=names), along="p", order="ipr", loss="mse", seed="run", start="from", size="d")
    assert row.critical == pytest.approx(CRITICAL, abs=1e-6)


def test_table_without_a_size_takes_its_smallest_order_parameter_for_the_rotation():
    assert fit(branches().drop(columns="dimension")).critical == pytest.approx(CRITICAL, abs=1e-6)


def test_identities_alone_are_not_taken_for_rotations_where_the_size_is_unknown():
    row = fit(branches(rotation_until=0).drop(columns="dimension"))
    assert "rotation found at 0 values" in row.note


def test_haar_value_depends_on_the_dimension():
    row = fit(branches().assign(dimension=1000, localization=lambda t: t.localization.replace(HAAR, 10 / 1002)))
    assert "rotation found at 0 values" in row.note
    assert row.mixed_low == pytest.approx(0.3)


@pytest.mark.parametrize("values", [[1000.0], [1000.0, 900.0, 3e5]])
def test_loss_of_a_training_that_all_but_diverged_is_left_out_and_named(values):
    table = branches(noise=0.002, seeds=4)
    spoilt = table.copy()
    spoilt.loc[[5, 40, 71][: len(values)], "loss"] = values
    row = fit(spoilt)
    assert row.critical == pytest.approx(fit(table).critical, abs=0.003)
    assert f"{len(values)} of {len(table)} values of loss far from all others left out: 1e+03 at" in row.note


def test_third_of_the_cells_missing_leaves_the_interval_honest():
    rows = [fit(branches(noise=0.004, seeds=4, seed=s).sample(frac=0.7, random_state=s)) for s in range(40)]
    assert 34 <= sum(row.low <= CRITICAL <= row.high for row in rows) <= 40


def test_seeds_missing_whole_at_some_points_are_no_hindrance():
    table = branches(noise=0.002, seeds=4)
    row = fit(table[~((table.seed >= 2) & (table.sparsity > 0.5))])
    assert row.critical == pytest.approx(CRITICAL, abs=0.01)
    assert row.low <= CRITICAL <= row.high
