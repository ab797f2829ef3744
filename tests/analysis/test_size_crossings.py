import numpy as np
import pandas as pd
import pytest

from explorer.analysis import replicates
from explorer.analysis.scaling import binder, collapse, size_crossings
from explorer.errors import AnalysisError
from tests.analysis.models import ISING_TEMPERATURE, SQUARE_SITES, ising, percolation, scaling_law


def magnet(values, size=8, point=1.0):
    return pd.DataFrame({"m": values, "size": size, "p": point, "seed": range(len(values))})


def test_cumulant_of_a_fixed_magnitude_is_two_thirds_and_of_a_gaussian_zero():
    fixed = binder(magnet([1.0, -1.0] * 20), "m", "p", "size").iloc[0]
    assert fixed["mean"] == pytest.approx(2 / 3)
    assert fixed["se"] == pytest.approx(0, abs=1e-12)
    gaussian = binder(magnet(np.random.default_rng(0).standard_normal(4000)), "m", "p", "size").iloc[0]
    assert gaussian["mean"] == pytest.approx(0, abs=0.08)


def test_error_of_the_cumulant_is_that_of_repeated_measurements():
    generator = np.random.default_rng(1)
    found = pd.concat([binder(magnet(generator.uniform(-1, 1, 200)), "m", "p", "size") for _ in range(150)])
    assert found["mean"].mean() == pytest.approx(1 - (1 / 5) / (3 / 9), abs=0.01)
    assert found["se"].mean() == pytest.approx(found["mean"].std(), rel=0.2)


def test_samples_of_one_seed_are_one_replicate():
    values = np.random.default_rng(2).uniform(-1, 1, 50)
    alone, repeated = magnet(values), pd.concat([magnet(values)] * 4)
    first, second = (binder(t, "m", "p", "size").iloc[0] for t in (alone, repeated))
    assert second["mean"] == pytest.approx(first["mean"])
    assert second["se"] == pytest.approx(first["se"])
    assert second["n"] == 50
    independent = binder(repeated, "m", "p", "size", seed=None).iloc[0]
    assert independent["n"] == 200
    assert independent["se"] < 0.6 * first["se"]


def test_cumulant_of_little_data_is_missing_or_has_no_error():
    one = binder(magnet([0.5]), "m", "p", "size").iloc[0]
    assert one["mean"] == pytest.approx(2 / 3)
    assert np.isnan(one["se"])
    assert np.isnan(binder(magnet([0.0, 0.0]), "m", "p", "size").iloc[0]["mean"])
    empty = binder(magnet([np.nan, np.inf]), "m", "p", "size")
    assert empty.empty
    assert list(empty.columns) == ["size", "p", "mean", "se", "n"]


def lines(slopes, points=None, se=0.01, crossing=0.5, noise=0.0, seed=0):
    """Straight curves of sizes 8, 16, … that all cross at one point, on grids that differ."""
    generator = np.random.default_rng(seed)
    rows = []
    for i, slope in enumerate(slopes):
        x = np.linspace(0.1 - 0.01 * i, 0.9 + 0.02 * i, 9 + i) if points is None else np.asarray(points)
        y = slope * (x - crossing) + noise * generator.standard_normal(len(x))
        rows.append(pd.DataFrame({"size": 8 * 2**i, "p": x, "mean": y, "se": se}))
    return pd.concat(rows, ignore_index=True)


@pytest.mark.parametrize("slopes", [(1, 2, 3), (3, 2, 1), (-1, -2, -4), (1, 3, -1)])
def test_crossings_of_straight_lines_are_exact(slopes):
    found = size_crossings(lines(slopes), "p", "size")
    np.testing.assert_allclose(found.table["crossing"], 0.5, atol=1e-9)
    assert list(found.table["small"]) == [8, 16]
    assert list(found.table["large"]) == [16, 32]
    assert found.critical == pytest.approx(0.5)
    assert found.method == "weighted mean"
    assert 0 < found.critical_se < 0.03


def test_error_of_a_crossing_is_that_of_repeated_measurements():
    found = [size_crossings(lines((1, 3), se=0.05, noise=0.05, seed=s), "p", "size") for s in range(60)]
    where = np.array([f.critical for f in found])
    assert where.mean() == pytest.approx(0.5, abs=0.01)
    assert np.median([f.critical_se for f in found]) == pytest.approx(where.std(), rel=0.35)


def test_crossings_that_move_are_extrapolated():
    rows = []
    for size in (8, 16, 32, 64, 128):
        x = np.linspace(0.3, 0.8, 51)
        rows.append(pd.DataFrame({"size": size, "p": x, "mean": np.log(size) * (x - 0.5) - 2 / size, "se": 1e-4}))
    found = size_crossings(pd.concat(rows), "p", "size")
    assert found.method == "power law in the size"
    assert abs(found.critical - 0.5) < 0.1 * abs(found.table["crossing"].iloc[-1] - 0.5)


def test_parallel_curves_do_not_cross():
    table = lines((1, 1, 2))
    table.loc[table["size"] == 16, "mean"] += 0.5
    found = size_crossings(table[table["size"] < 32], "p", "size")
    assert found.critical is None
    assert found.table["crossing"].isna().all()
    assert "sizes 8 and 16 do not cross" in found.note


def test_change_of_sign_within_errors_is_no_crossing():
    found = size_crossings(lines((1, 1.0), se=0.1, noise=0.1), "p", "size")
    assert found.critical is None


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (lines((1, 2)).iloc[:0], "no row has a finite value"),
        (lines((1, 2)).assign(se=np.nan), "no row has a finite value"),
        (lines((1,)), "1 size"),
        (lines((1, 2), points=[0.4, 0.5]), "do not cross"),
    ],
    ids=["none", "errors", "size", "points"],
)
def test_no_crossing_where_there_is_too_little(table, why):
    found = size_crossings(table, "p", "size")
    assert found.critical is None
    assert why in found.note


def test_missing_column_is_refused():
    with pytest.raises(AnalysisError, match=r'no column "sizes".*Did you mean "size"'):
        size_crossings(lines((1, 2)), "p", "sizes")


def test_mean_of_crossings_that_disagree_is_as_uncertain_as_they_are():
    table = pd.concat([lines((1, 2)), lines((1, 2, 4), crossing=0.6).query("size == 32")])
    table["mean"] = np.where(table["size"] == 32, 4 * (table.p - 0.55), table["mean"])
    agree, found = size_crossings(lines((1, 2, 4)), "p", "size"), size_crossings(table, "p", "size")
    assert np.ptp(found.table["crossing"]) > 0.05
    assert found.critical_se > 1.5 * agree.critical_se


def test_curves_that_scale_cross_at_the_critical_point():
    table = scaling_law(spread=0.0, noise=0.05, count=30, seeds=10)
    found = size_crossings(replicates(table, "m", ["dimension", "p"]), "p")
    assert found.critical == pytest.approx(0.6, abs=0.02)
    assert abs(found.critical - 0.6) < 3 * found.critical_se


def test_ising_cumulants_cross_at_the_exact_temperature():
    table = ising(sizes=(6, 20), temperatures=np.linspace(2.0, 2.55, 9), seeds=100, samples=6)
    found = size_crossings(binder(table, "magnetisation", "temperature", "size"), "temperature", "size")
    assert found.critical == pytest.approx(ISING_TEMPERATURE, abs=0.04)
    assert abs(found.critical - ISING_TEMPERATURE) < 3 * found.critical_se
    assert found.critical_se < 0.03


def test_spanning_probabilities_cross_at_the_percolation_threshold():
    table = percolation(sizes=(16, 48), samples=300)
    found = size_crossings(replicates(table, "spanning", ["size", "occupation"]), "occupation", "size")
    assert found.critical == pytest.approx(SQUARE_SITES, abs=0.012)
    assert collapse(table, "occupation", "spanning", "size").critical == pytest.approx(found.critical, abs=0.015)
