import numpy as np
import pandas as pd
import pytest

from explorer.analysis.scaling import Curves, binder, collapse, curves, quality
from explorer.analysis.scaling.quality import refined
from explorer.errors import AnalysisError
from tests.analysis.models import (
    ISING_BETA_OVER_NU,
    ISING_NU,
    ISING_TEMPERATURE,
    PERCOLATION_NU,
    SQUARE_SITES,
    ising,
    percolation,
    scaling_law,
)


def by_hand(data, critical, nu, exponent=0.0):
    """S as eqs 8 to 11 of Houdayer and Hartmann have it, point by point."""
    x, y, dy = [], [], []
    for i, size in enumerate(data.sizes):
        own = data.owner == i
        x.append((data.points[own] - critical) * size ** (1 / nu))
        y.append(data.mean[own] * size**exponent)
        dy.append(data.se[own] * size**exponent)
    terms = []
    for i in range(len(x)):
        for j in range(len(x[i])):
            k = kx = ky = kxx = kxy = 0.0
            for other in range(len(x)):
                for low in range(len(x[other]) - 1):
                    if other != i and x[other][low] <= x[i][j] < x[other][low + 1]:
                        for q in (low, low + 1):
                            w = dy[other][q] ** -2
                            k, kx, ky = k + w, kx + w * x[other][q], ky + w * y[other][q]
                            kxx, kxy = kxx + w * x[other][q] ** 2, kxy + w * x[other][q] * y[other][q]
            if k:
                delta = k * kxx - kx**2
                master = (kxx * ky - kx * kxy) / delta + x[i][j] * (k * kxy - kx * ky) / delta
                error = (kxx - 2 * x[i][j] * kx + x[i][j] ** 2 * k) / delta
                terms.append((y[i][j] - master) ** 2 / (dy[i][j] ** 2 + error))
    return np.mean(terms)


@pytest.mark.parametrize(("critical", "nu", "exponent"), [(0.6, 1.5, 0.0), (0.55, 1.0, 0.3), (0.65, 3.0, -0.2)])
def test_quality_is_that_of_houdayer_and_hartmann(critical, nu, exponent):
    data = curves(scaling_law(sizes=(8, 16, 32), seeds=4), "p", "m", "dimension")
    assert isinstance(data, Curves)
    assert quality(data, critical, nu, exponent) == pytest.approx(by_hand(data, critical, nu, exponent), rel=1e-8)


def test_quality_of_many_curves_at_once_is_that_of_each():
    data = curves(scaling_law(seeds=4), "p", "m", "dimension")
    many = data.mean + 0.1 * np.random.default_rng(0).standard_normal((3, 2, len(data.mean)))
    found = quality(data, 0.6, 1.5, 0.1, many)
    assert found.shape == (3, 2)
    assert found[2, 1] == pytest.approx(float(quality(data, 0.6, 1.5, 0.1, many[2, 1])))


def test_quality_is_infinite_where_nothing_overlaps():
    table = pd.concat([scaling_law(sizes=(8,)), scaling_law(sizes=(16,)).assign(p=lambda t: t.p + 10)])
    assert np.isinf(quality(curves(table, "p", "m", "dimension"), 0.6, 1.5))


def test_quality_is_about_one_at_the_truth_and_large_elsewhere():
    data = curves(scaling_law(spread=0.0, noise=0.1, count=40, seeds=20), "p", "m", "dimension")
    assert 0.7 < quality(data, 0.6, 1.5) < 1.3
    assert quality(data, 0.6, 1.0) > 2
    assert quality(data, 0.64, 1.5) > 2


@pytest.mark.parametrize("nu", [0.8, 1.5])
def test_critical_point_and_exponent_of_scaling_curves_are_found(nu):
    found = collapse(scaling_law(nu=nu, spread=0.0, noise=0.05, count=24, seeds=10), "p", "m")
    assert abs(found.critical - 0.6) < 3 * found.critical_se
    assert abs(found.nu - nu) < 3 * found.nu_se
    assert found.nu == pytest.approx(nu, rel=0.08)
    assert 0.5 < found.quality < 2
    assert found.sizes == (8, 16, 32, 64)
    assert found.seeds == 10
    assert found.points > 60


def test_exponent_of_the_order_parameter_is_fitted_when_asked():
    table = scaling_law(nu=1.2, exponent=0.25, spread=0.0, noise=0.03, count=24, seeds=10)
    found = collapse(table, "p", "m", exponent=None)
    assert found.exponent == pytest.approx(0.25, abs=0.03)
    assert found.nu == pytest.approx(1.2, rel=0.08)
    assert abs(found.exponent - 0.25) < 3 * found.exponent_se
    assert set(found.intervals) == {"critical", "nu", "exponent"}
    assert collapse(table, "p", "m").quality > 5 * found.quality


def test_scaled_data_are_the_curves_at_the_optimum():
    table = scaling_law(noise=0.1, spread=0.0)
    found = collapse(table, "p", "m", exponent=0.1)
    mean = table.groupby(["dimension", "p"], as_index=False).m.mean()
    np.testing.assert_allclose(found.scaled["x"], (mean.p - found.critical) * mean.dimension ** (1 / found.nu))
    np.testing.assert_allclose(found.scaled["y"], mean.m * mean.dimension**0.1)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    found = [
        collapse(scaling_law(sizes=(8, 16, 32), spread=0.2, noise=0.1, count=24, seed=s), "p", "m") for s in range(25)
    ]
    for name, truth in (("critical", 0.6), ("nu", 1.5)):
        assert sum(f.intervals[name][0] <= truth <= f.intervals[name][1] for f in found) >= 21, name
        said = np.median([getattr(f, f"{name}_se") for f in found])
        assert 0.6 < said / np.std([getattr(f, name) for f in found]) < 1.7, name


def test_contour_of_the_quality_is_wider_than_the_standard_error():
    found = collapse(scaling_law(spread=0.0, noise=0.1, count=30), "p", "m")
    assert set(found.contours) == {"critical", "nu"}
    assert found.contours["critical"] > 2 * found.critical_se
    assert found.contours["nu"] > 2 * found.nu_se


def test_contour_is_where_the_best_quality_has_risen_by_one():
    table = scaling_law(spread=0.0, noise=0.1, count=30)
    found, data = collapse(table, "p", "m"), curves(table, "p", "m", "dimension")
    master = refined(data, 4)

    def rise(step):
        moved = found.critical + step * found.contours["critical"]
        return min(float(quality(data, moved, nu, master=master)) for nu in np.linspace(0.5, 5, 200)) - found.quality

    assert max(rise(-0.4), rise(0.4)) < 1 < min(rise(-2), rise(2))


def test_averages_with_errors_need_no_seeds():
    table = scaling_law(spread=0.0, noise=0.1, count=30)
    rows = table.groupby(["dimension", "p"]).m.agg(["mean", "sem"]).reset_index()
    found, whole = collapse(rows, "p", "mean", error="sem"), collapse(table, "p", "m")
    assert found.critical == pytest.approx(whole.critical, abs=2 * whole.critical_se)
    assert found.critical_se == pytest.approx(whole.critical_se, rel=0.5)
    assert found.seeds == 1


def test_order_of_the_rows_and_units_of_the_axis_do_not_matter():
    table = scaling_law(noise=0.1)
    found = collapse(table, "p", "m")
    other = collapse(table.sample(frac=1, random_state=0).assign(p=lambda t: 500 * t.p), "p", "m")
    assert other.critical == pytest.approx(500 * found.critical, rel=1e-3)
    assert other.nu == pytest.approx(found.nu, rel=1e-2)


def test_ising_cumulant_and_magnetisation_collapse_at_the_exact_temperature():
    table = ising(seeds=60)
    cumulant = binder(table, "magnetisation", "temperature", "size")
    found = collapse(cumulant, "temperature", "mean", "size", error="se")
    assert found.critical == pytest.approx(ISING_TEMPERATURE, abs=0.035)
    assert abs(found.critical - ISING_TEMPERATURE) < 3 * found.critical_se
    absolute = table.assign(magnetisation=table.magnetisation.abs())
    magnet = collapse(absolute, "temperature", "magnetisation", "size", exponent=ISING_BETA_OVER_NU)
    assert magnet.critical == pytest.approx(ISING_TEMPERATURE, abs=0.02)
    assert magnet.nu == pytest.approx(ISING_NU, abs=0.2)
    assert magnet.quality < 3
    assert collapse(absolute, "temperature", "magnetisation", "size", exponent=0.5).quality > 3 * magnet.quality


def test_percolation_collapses_at_the_known_threshold():
    found = collapse(percolation(sizes=(16, 32, 64), samples=500), "occupation", "spanning", "size")
    assert found.critical == pytest.approx(SQUARE_SITES, abs=0.008)
    assert found.nu == pytest.approx(PERCOLATION_NU, abs=0.2)
    assert abs(found.critical - SQUARE_SITES) < 3 * found.critical_se
    assert found.quality < 3


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (scaling_law().iloc[:0], "no row has a finite value"),
        (scaling_law().assign(m=np.nan), "no row has a finite value"),
        (scaling_law().iloc[:1], "one replicate at each point of dimension 8"),
        (scaling_law(sizes=(8,)), "1 size with 3 points or more"),
        (scaling_law(seeds=1), "one replicate at each point"),
        (scaling_law(count=2, sizes=(8, 16)).query("p < 0.6"), "a collapse needs at least 2"),
    ],
    ids=["none", "nan", "one", "size", "seed", "short"],
)
def test_no_collapse_where_there_is_too_little(table, why):
    found = collapse(table, "p", "m")
    assert found.critical is None
    assert found.nu is None
    assert found.quality is None
    assert why in found.note
    assert found.scaled.empty


def test_short_curves_are_left_out_and_named():
    table = scaling_law(noise=0.1)
    rest = table[(table.dimension > 8) | (table.p == table.p[table.dimension == 8].min())]
    found = collapse(rest, "p", "m")
    assert found.sizes == (16, 32, 64)
    assert "fewer than 3 points left out: 8" in found.note


def test_constant_data_have_no_critical_point():
    found = collapse(scaling_law().assign(m=0.5), "p", "m")
    assert found.critical is None
    assert "one value throughout, 0.5" in found.note


def test_curves_that_do_not_scale_are_named():
    table = scaling_law(spread=0.0, noise=0.02)
    table["m"] = np.where(table.dimension == 16, 1.5 * table.m, table.m)
    assert "do not collapse within their errors" in collapse(table, "p", "m").note


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"size": "dimensions"}, 'no column "dimensions".*Did you mean "dimension"'),
        ({}, {"error": "se"}, 'no column "se"'),
        ({"dimension": 0}, {}, 'column "dimension" holds 0, expected positive sizes'),
        ({"m": "high"}, {}, 'column "m" holds .* values, expected numbers'),
        ({"se": -1.0}, {"error": "se"}, 'column "se" holds missing or negative numbers'),
        ({"se": 1.0}, {"error": "se"}, "two rows of one point and size"),
    ],
    ids=str,
)
def test_malformed_tables_are_refused(change, options, message):
    with pytest.raises(AnalysisError, match=message):
        collapse(scaling_law().assign(**change), "p", "m", **options)
