import numpy as np
import pytest

from explorer.analysis.scaling import extrapolate, narrowing
from explorer.errors import AnalysisError

SIZES = np.array([8.0, 16.0, 32.0, 64.0, 128.0])


def shifted(critical=0.6, amplitude=0.5, nu=1.3, sizes=SIZES):
    return critical + amplitude * sizes ** (-1 / nu)


@pytest.mark.parametrize("nu", [0.5, 1.0, 4 / 3, 2.5])
@pytest.mark.parametrize("amplitude", [-0.8, 0.3])
def test_parameters_of_a_power_law_are_found(nu, amplitude):
    law = extrapolate(SIZES, shifted(amplitude=amplitude, nu=nu), np.full(5, 1e-6))
    assert law.critical == pytest.approx(0.6, abs=1e-4)
    assert law.nu == pytest.approx(nu, rel=1e-2)
    assert law.amplitude == pytest.approx(amplitude, rel=2e-2)
    assert law.dof == 2
    assert law.chi2 == pytest.approx(0, abs=1e-3)


def test_three_sizes_are_fitted_exactly():
    law = extrapolate(SIZES[:3], shifted(sizes=SIZES[:3]), [0.001, 0.002, 0.001])
    assert law.critical == pytest.approx(0.6, abs=1e-4)
    assert law.dof == 0


def test_units_of_the_axis_and_order_of_the_sizes_do_not_matter():
    law = extrapolate(SIZES, shifted(), np.full(5, 0.003))
    order = [3, 0, 4, 1, 2]
    other = extrapolate(SIZES[order], 1000 * shifted()[order] - 50, np.full(5, 3.0))
    assert other.critical == pytest.approx(1000 * law.critical - 50, rel=1e-5)
    assert other.critical_se == pytest.approx(1000 * law.critical_se, rel=1e-3)
    assert other.nu == pytest.approx(law.nu, rel=1e-4)


def test_errors_are_those_of_repeated_measurements():
    generator = np.random.default_rng(0)
    se = np.array([0.004, 0.003, 0.002, 0.002, 0.002])
    laws = [extrapolate(SIZES, shifted() + se * generator.standard_normal(5), se) for _ in range(150)]
    for name, index in (("critical", 0), ("nu", 1), ("amplitude", 2)):
        found = np.array([getattr(law, name) for law in laws])
        said = np.median([getattr(law, f"{name}_se") for law in laws])
        spread = (np.quantile(found, 0.84) - np.quantile(found, 0.16)) / 2
        assert 0.75 < said / spread < 1.35, name
        assert laws[0].covariance[index, index] == pytest.approx(getattr(laws[0], f"{name}_se") ** 2)
    covered = np.mean([abs(law.critical - 0.6) < 1.96 * law.critical_se for law in laws])
    assert 0.88 <= covered <= 0.99
    correlation = np.corrcoef([law.critical for law in laws], [law.nu for law in laws])[0, 1]
    assert np.sign(correlation) == np.sign(laws[0].covariance[0, 1])
    assert abs(correlation) > 0.5


def test_location_that_does_not_move_is_a_weighted_mean_without_an_exponent():
    law = extrapolate(SIZES[:4], [0.60, 0.61, 0.595, 0.602], [0.01, 0.02, 0.01, 0.01])
    weight = np.array([1, 0.25, 1, 1]) / 3.25
    assert law.critical == pytest.approx(weight @ [0.60, 0.61, 0.595, 0.602])
    assert law.critical_se == pytest.approx(0.01 / np.sqrt(3.25))
    assert law.nu is None
    assert law.amplitude is None
    assert "does not move" in law.note


@pytest.mark.parametrize("errors", [None, [0.01] * 4])
def test_constant_locations_have_no_exponent(errors):
    law = extrapolate(SIZES[:4], [0.6] * 4, errors)
    assert law.critical == pytest.approx(0.6)
    assert law.nu is None


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_sizes_are_refused(count):
    law = extrapolate(SIZES[:count], shifted(sizes=SIZES[:count]), np.full(count, 0.01))
    assert law.critical is None
    assert f"found {count} size" in law.note
    assert "at least 3" in law.note


def test_logarithmic_drift_has_no_limit():
    law = extrapolate(SIZES, 0.5 + 0.05 * np.log(SIZES), np.full(5, 1e-3))
    assert law.critical is None
    assert "runs away" in law.note
    assert "nu above 10" in law.note


def test_one_size_that_lies_elsewhere_is_no_power_law():
    law = extrapolate(SIZES, [0.9, 0.6, 0.6, 0.6, 0.6], np.full(5, 1e-3))
    assert law.critical is None
    assert "nu below 0.1" in law.note


def test_locations_that_are_no_power_law_are_named():
    law = extrapolate(SIZES, shifted() + np.array([0, 0.01, -0.02, 0.01, 0]), np.full(5, 1e-3))
    assert "does not describe the locations" in law.note


def test_exponent_with_an_error_beyond_itself_is_named():
    law = extrapolate(SIZES[:3], [0.70, 0.66, 0.64], [0.012] * 3)
    assert law.nu_se > law.nu
    assert "hardly determined" in law.note


def test_without_errors_the_scatter_takes_their_place():
    noise = 0.002 * np.array([1, -1, 0.5, -0.5, 0.3])
    law = extrapolate(SIZES, shifted() + noise)
    assert law.critical == pytest.approx(0.6, abs=0.02)
    assert law.critical_se == pytest.approx(
        extrapolate(SIZES, shifted() + noise, np.full(5, np.sqrt(law.chi2 / 2))).critical_se, rel=1e-3
    )


@pytest.mark.parametrize("nu", [0.7, 1.0, 2.0])
def test_width_gives_the_exponent(nu):
    law = narrowing(SIZES, 2 * SIZES ** (-1 / nu), 0.01 * SIZES ** (-1 / nu))
    assert law.nu == pytest.approx(nu, rel=1e-4)
    assert law.amplitude == pytest.approx(2, rel=1e-3)
    assert law.critical is None
    assert 0 < law.nu_se < 0.05


def test_width_that_does_not_shrink_has_no_exponent():
    law = narrowing(SIZES[:3], [0.2, 0.21, 0.19], [0.02] * 3)
    assert law.nu is None
    assert "does not shrink" in law.note
    assert "nu" in narrowing(SIZES, SIZES**0.5, np.full(5, 0.01)).note
    assert "at least 3" in narrowing(SIZES[:2], [0.2, 0.1], [0.02] * 2).note


@pytest.mark.parametrize(
    ("sizes", "locations", "errors", "message"),
    [
        ([8, 16], [0.1], [0.1], "expected three of one length"),
        ([8, 8, 16], [1, 2, 3], [1, 1, 1], "positive numbers, each once"),
        ([0, 8, 16], [1, 2, 3], [1, 1, 1], "positive numbers, each once"),
        ([4, 8, 16], [1, np.nan, 3], [1, 1, 1], "found locations 1, nan, 3, expected finite"),
        ([4, 8, 16], [1, 2, 3], [1, 0, 1], "found errors 1, 0, 1, expected positive"),
        ([4, 8, 16], [1, 2, "x"], [1, 1, 1], "no numbers"),
    ],
)
def test_malformed_arrays_are_refused(sizes, locations, errors, message):
    with pytest.raises(AnalysisError, match=message):
        extrapolate(sizes, locations, errors)


def test_negative_widths_are_refused():
    with pytest.raises(AnalysisError, match="width of -1"):
        narrowing([4, 8, 16], [1, -1, 1])
