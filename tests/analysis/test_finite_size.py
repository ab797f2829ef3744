import numpy as np
import pandas as pd
import pytest

from explorer.analysis import fit_boundary
from explorer.analysis.scaling import collapse
from explorer.errors import AnalysisError
from tests.analysis.models import PERCOLATION_NU, SQUARE_SITES, percolation, scaling_law
from tests.analysis.tables import switching

QUANTITIES = [
    "nu", "nu_se", "amplitude", "amplitude_se", "cov_critical_nu", "sizes", "collapse_critical", "collapse_critical_se",
    "collapse_nu", "collapse_nu_se", "collapse_quality", "crossing_critical", "crossing_se",
]  # fmt: skip


def fit(table, **options):
    (row,) = fit_boundary(table, **{"along": "p", "order": "m", "estimator": "finite_size", **options}).itertuples()
    return row


@pytest.mark.parametrize(("nu", "shift"), [(1.0, 1.0), (1.5, -1.0), (0.8, 2.0)])
def test_boundary_of_an_infinite_system_is_found(nu, shift):
    row = fit(scaling_law(nu=nu, shift=shift, spread=0.05, noise=0.02, seeds=8))
    assert abs(row.critical - 0.6) < 0.4 * abs(shift) * 64 ** (-1 / nu)
    assert row.low <= 0.6 <= row.high
    assert row.nu == pytest.approx(nu, rel=0.25)
    assert abs(row.nu - nu) < 3 * row.nu_se
    assert row.amplitude == pytest.approx(shift, rel=0.35)
    assert row.collapse_critical == pytest.approx(0.6, abs=0.03)
    assert row.collapse_nu == pytest.approx(nu, rel=0.25)
    assert row.sizes == "8, 16, 32, 64"
    assert row.seeds == 8
    assert row.n == np.isfinite(scaling_law(nu=nu, shift=shift, seeds=8).m).sum()
    assert "power law in the size; bootstrap over seeds" in row.method


def test_extrapolation_differs_from_every_finite_size():
    table = scaling_law(spread=0.05, shift=1.0)
    row = fit(table)
    at_sizes = fit_boundary(table, along="p", order="m", estimator="switch", by=["dimension"]).critical
    assert (at_sizes > row.high).all()


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rows = [fit(scaling_law(spread=0.1, shift=2.0, seeds=4, count=9, seed=s)) for s in range(25)]
    assert sum(row.low <= 0.6 <= row.high for row in rows) >= 21
    assert np.nanmedian([row.se for row in rows]) < 0.05


def test_interval_grows_with_the_spread_of_the_seeds():
    narrow, wide = (fit(scaling_law(shift=2.0, spread=s, seeds=6, seed=1)) for s in (0.03, 0.15))
    assert 0 < narrow.se < wide.se
    assert narrow.high - narrow.low < wide.high - wide.low


def test_seeds_that_are_shared_by_sizes_are_resampled_together():
    """One draw of each seed that moves all sizes alike leaves p_c as uncertain as one size, whatever the number of sizes."""
    generator = np.random.default_rng(0)
    moves = 0.02 * generator.standard_normal(8)
    parts = [
        switching(0.5 + 2 / d + move, points=np.linspace(0.3, 0.9, 25), seeds=1).assign(seed=s, dimension=d)
        for d in (16, 32, 64) for s, move in enumerate(moves)
    ]  # fmt: skip
    row = fit(pd.concat(parts), along="sparsity", order="localization")
    assert row.se == pytest.approx(0.02 / np.sqrt(8), rel=0.5)


def test_location_that_does_not_move_gives_the_mean_and_no_exponent():
    row = fit(pd.concat([switching(0.6, seeds=6, spread=0.02, seed=d).assign(dimension=d) for d in (8, 16, 32)]),
              along="sparsity", order="localization")  # fmt: skip
    assert row.critical == pytest.approx(0.6, abs=0.02)
    assert row.low < row.critical < row.high
    assert np.isnan(float(row.nu or np.nan))
    assert "nu unidentifiable" in row.note
    assert "weighted mean of the sizes" in row.method


def test_percolation_threshold_is_found_from_outcomes_of_zero_and_one():
    row = fit(percolation(sizes=(8, 24, 64), samples=300), along="occupation", order="spanning", size="size")
    assert row.collapse_critical == pytest.approx(SQUARE_SITES, abs=0.012)
    assert row.collapse_nu == pytest.approx(PERCOLATION_NU, abs=0.3)
    assert row.crossing_critical == pytest.approx(SQUARE_SITES, abs=0.02)
    assert abs(row.crossing_critical - SQUARE_SITES) < 3 * row.crossing_se


def test_percolation_threshold_is_where_the_sizes_go():
    row = fit(percolation(sizes=(8, 16, 32, 64), samples=400), along="occupation", order="spanning", size="size")
    assert row.low <= SQUARE_SITES <= row.high
    assert row.critical == pytest.approx(SQUARE_SITES, abs=0.008)
    assert row.amplitude < 0
    assert abs(row.nu - PERCOLATION_NU) < 3 * row.nu_se


def test_rows_without_a_seed_column_are_replicates():
    table = scaling_law(spread=0.05, shift=2.0)
    row = fit(table.drop(columns="seed"))
    assert row.critical == pytest.approx(fit(table).critical, abs=1e-6)
    assert row.seeds == 12


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_sizes_give_a_note_and_still_what_two_can_tell(count):
    row = fit(scaling_law(sizes=(8, 32)[:count], spread=0.05, seeds=5))
    assert np.isnan(row.critical)
    assert np.isnan(row.low)
    assert f"{count} of {count} values of dimension switch, an extrapolation needs at least 3" in row.note
    assert np.isfinite(float(row.collapse_critical or np.nan)) == (count == 2)


def test_sizes_that_do_not_switch_are_left_out_and_named():
    table = scaling_law(spread=0.05, shift=2.0, sizes=(8, 16, 32, 64, 128))
    table.loc[table.dimension == 16, "m"] = 0.1
    row = fit(table)
    assert "dimension 16: one phase only" in row.note
    assert row.sizes == "8, 32, 64, 128"
    assert row.critical == pytest.approx(0.6, abs=0.02)


def test_one_seed_gives_an_estimate_and_no_interval():
    row = fit(scaling_law(seeds=1, spread=0.0, shift=2.0))
    assert row.critical == pytest.approx(0.6, abs=0.05)
    assert np.isnan(row.low)
    assert np.isnan(row.se)
    assert "no interval: it takes at least two seeds" in row.note


def test_seeds_that_agree_give_an_interval_of_no_width():
    row = fit(scaling_law(seeds=3, spread=0.0, noise=0.0, shift=2.0))
    assert row.critical == pytest.approx(0.6, abs=0.003)
    assert row.high - row.low < 1e-3


def test_only_random_starts_are_used():
    table = scaling_law(spread=0.05, shift=2.0, seeds=4).assign(init="random")
    both = pd.concat([table, table.assign(init="identity", m=1.0)])
    assert fit(both).critical == fit(table).critical


def test_order_of_the_rows_does_not_matter():
    table = scaling_law(spread=0.05, shift=2.0, seeds=4)
    row, other = fit(table), fit(table.sample(frac=1, random_state=0))
    assert other.critical == pytest.approx(row.critical, abs=1e-9)
    assert other.collapse_critical == pytest.approx(row.collapse_critical, abs=1e-6)


def test_missing_sizes_are_left_out():
    table = scaling_law(spread=0.05, shift=2.0, seeds=4)
    missing = table.assign(dimension=np.nan)
    assert fit(pd.concat([table, missing])).critical == pytest.approx(fit(table).critical, abs=1e-9)


def test_collapse_beside_it_is_that_of_the_function():
    table = scaling_law(spread=0.05, seeds=4)
    row, alone = fit(table), collapse(table, "p", "m")
    assert (row.collapse_critical, row.collapse_nu) == (alone.critical, alone.nu)


@pytest.mark.parametrize(
    "table",
    [
        scaling_law().iloc[:0],
        scaling_law().iloc[:1],
        scaling_law().assign(m=np.nan),
        scaling_law().assign(m=0.5),
        scaling_law().assign(p=0.5),
        scaling_law().assign(dimension=np.nan),
        scaling_law(sizes=(8, 16, 32), seeds=2).groupby(["dimension", "seed"]).head(3),
    ],
    ids=["none", "one", "order", "constant", "point", "sizes", "short"],
)
def test_no_boundary_is_invented(table):
    row = fit(table)
    assert np.isnan(row.critical)
    assert np.isnan(row.low)
    assert np.isnan(row.se)
    assert row.note


def test_every_quantity_has_a_column_whether_found_or_not():
    for table in (scaling_law(spread=0.05, seeds=3), scaling_law(sizes=(8,))):
        found = fit_boundary(table, along="p", order="m", estimator="finite_size")
        assert set(QUANTITIES) <= set(found.columns)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"size": "dimensions"}, 'no column "dimensions".*Did you mean "dimension"'),
        ({"dimension": "large"}, {}, 'column "dimension" holds .* values, expected numbers'),
        ({"dimension": -8}, {}, 'column "dimension" holds -8, expected positive sizes'),
    ],
    ids=str,
)
def test_bad_sizes_are_refused_with_what_to_mend(change, options, message):
    with pytest.raises(AnalysisError, match=message) as caught:
        fit(scaling_law().assign(**change), **options)
    assert "\n" not in str(caught.value)
