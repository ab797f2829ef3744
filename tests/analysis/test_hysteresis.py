import numpy as np
import pandas as pd
import pytest

from explorer.analysis import fit_boundary
from explorer.analysis.bimodality import bimodality
from tests.analysis.tables import DIMENSION, HAAR, ROTATION_LOSS, logistic

POINTS = np.linspace(0.3, 0.9, 25)


def loop(
    random=0.7,
    identity=0.45,
    scale=0.01,
    points=POINTS,
    seeds=5,
    spread=0.01,
    noise=0.005,
    high=1.0,
    losses=True,
    dimension=DIMENSION,
    seed=0,
):
    """Two starts whose order parameter switches at places of their own, and losses whose branches cross at 2/pi."""
    generator = np.random.default_rng(seed)
    rows = []
    for replicate in range(seeds):
        for start, place in (("random", random), ("identity", identity)):
            own = place + spread * generator.standard_normal()
            order = logistic(points, own, scale, 3 / (dimension + 2), high) + noise * generator.standard_normal(
                len(points)
            )
            for x, y in zip(points, order, strict=True):
                loss = (1 - x if y > 0.5 else ROTATION_LOSS) + 0.002 * generator.standard_normal()
                rows.append({"sparsity": x, "seed": replicate, "init": start, "localization": y, "dimension": dimension,
                             **({"loss": loss} if losses else {})})  # fmt: skip
    return pd.DataFrame(rows)


def continuous(seeds=5, seed=0, **options):
    """Both starts on one gradual rise: no hysteresis but for the noise."""
    return loop(0.6, 0.6, scale=0.06, seeds=seeds, seed=seed, losses=False, **options)


def fit(table, **options):
    (row,) = fit_boundary(table, estimator="hysteresis", **options).itertuples()
    return row


def test_both_spinodals_and_the_crossing_between_them_are_found():
    row = fit(loop())
    assert row.spinodal_random == pytest.approx(0.7, abs=0.02)
    assert row.spinodal_identity == pytest.approx(0.45, abs=0.02)
    assert row.critical == row.crossing == pytest.approx(2 / np.pi, abs=0.01)
    assert row.low < row.critical < row.high
    assert row.method.startswith("equal loss")
    assert row.seeds == 5
    assert row.n == 2 * 5 * len(POINTS)


def test_width_of_coexistence_has_an_interval_that_holds_it():
    row = fit(loop())
    assert row.coexistence == pytest.approx(row.spinodal_random - row.spinodal_identity)
    assert row.coexistence_low < 0.25 < row.coexistence_high
    assert row.coexistence_is == "measured"


def test_separate_branches_are_a_first_order_transition():
    row = fit(loop())
    assert row.verdict == "first-order"
    assert row.jump_low > 0.5
    assert "starts disagree over" in row.note
    assert "the jump is" in row.note


def test_falling_order_parameter_has_the_same_width_and_verdict():
    table = loop(losses=False)
    rising, falling = fit(table), fit(table.assign(localization=1.05 - table.localization))
    assert falling.coexistence == pytest.approx(rising.coexistence, abs=0.003)
    assert falling.verdict == "first-order"


def test_middle_of_the_spinodals_stands_in_where_there_is_no_loss():
    row = fit(loop(losses=False))
    assert row.critical == pytest.approx((row.spinodal_random + row.spinodal_identity) / 2)
    assert row.low < row.critical < row.high
    assert row.method.startswith("middle of the spinodals")
    assert np.isnan(np.float64(row.crossing if row.crossing is not None else np.nan))


def test_gradual_rise_of_both_starts_is_continuous():
    row = fit(continuous(seeds=8))
    assert row.verdict == "continuous"
    assert row.coexistence_low < 0 < row.coexistence_high
    assert row.critical == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize("spread", [0.005, 0.03])
def test_noise_does_not_make_a_continuous_transition_first_order(spread):
    verdicts = [fit(continuous(seeds=3, seed=s, spread=spread, points=POINTS[::2])).verdict for s in range(40)]
    assert "first-order" not in verdicts


def test_small_lag_of_one_start_along_a_gradual_rise_is_not_first_order():
    verdicts = {fit(loop(0.62, 0.58, scale=0.06, spread=0.002, losses=False, seed=s)).verdict for s in range(5)}
    assert "first-order" not in verdicts


def test_jump_between_neighbouring_points_cannot_be_told_from_a_steep_rise():
    row = fit(loop(0.6, 0.6, scale=0.002, spread=0.0, losses=False))
    assert row.verdict == "undecided"
    assert "too steep for the grid" in row.note


def test_seeds_that_jump_at_places_of_their_own_are_not_one_gradual_rise():
    verdicts = {fit(loop(0.6, 0.6, 0.001, spread=0.05, losses=False, seeds=8, seed=s)).verdict for s in range(6)}
    assert verdicts == {"undecided"}


@pytest.mark.parametrize("place", [0.0, 2.0])
def test_one_phase_from_both_starts_has_no_transition(place):
    row = fit(loop(place, place, losses=False))
    assert np.isnan(row.critical)
    assert row.verdict == "none"
    assert "no transition" in row.note


def test_start_that_never_leaves_its_phase_gives_a_width_that_is_a_lower_bound():
    row = fit(loop(identity=0.0))
    assert row.coexistence_is == "at least"
    assert row.coexistence == pytest.approx(row.spinodal_random - 0.3)
    assert np.isnan(row.coexistence_high if row.coexistence_high is not None else np.nan)
    assert row.verdict == "first-order"
    assert "identity starts keep their phase: their spinodal lies beyond [0.3, 0.9]" in row.note


def test_lone_spinodal_without_a_loss_is_no_critical_value():
    row = fit(loop(identity=0.0, losses=False))
    assert np.isnan(row.critical)
    assert row.spinodal_random == pytest.approx(0.7, abs=0.02)
    assert "no critical value" in row.note


def test_phases_that_coexist_everywhere_disagree_over_the_whole_axis():
    row = fit(loop(2.0, 0.0))
    assert row.coexistence == pytest.approx(0.6)
    assert row.coexistence_is == "at least"
    assert row.critical == pytest.approx(2 / np.pi, abs=0.01)


def test_one_seed_is_never_enough_for_a_verdict():
    row = fit(loop(seeds=1))
    assert row.verdict == "undecided"
    assert "without an interval" in row.note
    assert "no interval: it takes at least two seeds" in row.note
    assert row.critical == pytest.approx(2 / np.pi, abs=0.02)


def test_several_sizes_have_a_row_each_and_a_jump_that_stays():
    table = pd.concat([loop(dimension=d, seed=d) for d in (16, 32, 64)], ignore_index=True)
    found = fit_boundary(table, estimator="hysteresis")
    assert list(found.dimension) == [16, 32, 64]
    assert set(found.verdict) == {"first-order"}
    assert found.jump_limit.nunique() == 1
    assert found.jump_limit[0] > 0.8
    assert not found.note.str.contains("pools").any()


def test_jump_that_shrinks_with_size_takes_the_verdict_back():
    shrinking = [loop(dimension=d, high=3 / (d + 2) + 12 / d, losses=False, seed=d) for d in (16, 24, 40)]
    found = fit_boundary(pd.concat(shrinking, ignore_index=True), estimator="hysteresis")
    assert set(found.verdict) == {"undecided"}
    assert abs(found.jump_limit[0]) < 0.1
    assert (found.jump_slope > 0).all()


@pytest.mark.parametrize(("starts", "said"), [(["random"], "found 1: random"), (["a", "b", "c"], "found 3: a, b, c")])
def test_other_numbers_of_starts_are_named(starts, said):
    table = pd.concat([loop().assign(init=start) for start in starts], ignore_index=True)
    row = fit(table)
    assert np.isnan(row.critical)
    assert f"takes two starts; {said}" in row.note


def test_third_start_beside_random_and_identity_is_left_out_and_named():
    table = loop()
    more = pd.concat([table, table[table.init == "random"].assign(init="warm", localization=0.5)], ignore_index=True)
    assert fit(more).coexistence == fit(table).coexistence
    assert "starts left out: warm" in fit(more).note


def test_two_starts_of_any_name_make_a_loop():
    row = fit(loop().replace({"init": {"random": "cold", "identity": "hot"}}))
    assert row.spinodal_cold == pytest.approx(0.7, abs=0.02)
    assert row.spinodal_hot == pytest.approx(0.45, abs=0.02)
    assert row.verdict == "first-order"


def test_missing_cells_seeds_and_values_are_no_hindrance():
    table = loop(seeds=6).sample(frac=0.7, random_state=2)
    table.loc[table.index[::9], "localization"] = np.nan
    table = table[~((table.seed == 0) & (table.init == "identity"))]
    row = fit(table)
    assert row.coexistence == pytest.approx(0.25, abs=0.03)
    assert row.verdict == "first-order"


def test_starts_on_different_grids_are_compared_where_both_are():
    table = loop()
    ragged = table[
        (table.init == "random") | (table.sparsity.round(3).isin(POINTS[::2].round(3)) & (table.sparsity < 0.8))
    ]
    assert fit(ragged).coexistence == pytest.approx(0.25, abs=0.03)


def test_starts_that_share_no_stretch_of_the_axis_are_not_compared():
    table = loop()
    row = fit(table[(table.init == "random") == (table.sparsity > 0.55)])
    assert np.isnan(row.critical)
    assert "overlap at one value of sparsity or none" in row.note


def test_seeds_about_two_values_are_bimodal_and_seeds_about_one_are_not():
    generator = np.random.default_rng(0)
    two = np.concatenate([0.1 + 0.02 * generator.standard_normal(5), 0.9 + 0.02 * generator.standard_normal(5)])
    assert bimodality(two, 0.01).two
    assert bimodality(two, 0.01).separation > 10
    wrong = sum(bimodality(generator.standard_normal(10), 0.01).two for _ in range(60))
    wrong += sum(bimodality(generator.random(10), 0.01).two for _ in range(60))
    assert wrong <= 4


def test_bimodality_takes_six_replicates_and_equal_ones_have_one_mode():
    assert bimodality([0.0, 0.0, 0.0, 1.0, 1.0], 0.01) is None
    assert bimodality([0.0, 0.0, 0.0, 1.0, 1.0, np.nan], 0.01) is None
    assert not bimodality(np.full(8, HAAR), 0.01).two
