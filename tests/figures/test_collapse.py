"""What the figure of finite-size scaling shows, without pixels."""

import numpy as np
import pytest

from explorer import figure
from explorer.errors import AnalysisError
from explorer.figures import figures
from explorer.figures.base import Options
from explorer.figures.collapse import extract
from tests.figures.stores import SPARSITIES, cells, make

draw = figures["collapse"].picture

CRITICAL, NU, AMPLITUDE = 0.6, 1.5, 0.6
SIZES = (16, 32, 64, 128)


def sizes(dimension=SIZES, seed=tuple(range(6)), **more):
    return cells(**{"init": "random", "rate": 1.0, "dimension": dimension, "seed": seed, **more})


def scaling(cell):
    """A localization that is a function of (p − p_c) d^(1/ν), with a little noise of each seed."""
    settings = cell.settings
    x = (settings["sparsity"] - CRITICAL) * settings["dimension"] ** (1 / NU) - AMPLITUDE
    own = np.random.default_rng([settings["seed"], settings["dimension"]])
    x += 0.1 * own.standard_normal()
    return {"localization": 1 / (1 + np.exp(-2 * x)), "tying": 1.0, "loss": 0.4}


def store(place, **settings):
    return make(place, sizes(**settings), outcome=scaling)


def test_curves_are_seed_means_with_standard_errors_at_each_dimension(tmp_path):
    [row] = extract(store(tmp_path), Options()).rows
    assert len(row.curves) == len(SIZES) * len(SPARSITIES)
    members = [c for c in sizes() if c.settings["dimension"] == 32 and c.settings["sparsity"] == SPARSITIES[3]]
    values = [scaling(c)["localization"] for c in members]
    at = row.curves[(row.curves.dimension == 32) & (row.curves.sparsity == SPARSITIES[3])].iloc[0]
    assert at["mean"] == pytest.approx(np.mean(values))
    assert at["se"] == pytest.approx(np.std(values, ddof=1) / 6**0.5)


def test_the_critical_point_and_exponent_are_those_of_the_data(tmp_path):
    [row] = extract(store(tmp_path), Options()).rows
    assert row.found["critical"] == pytest.approx(CRITICAL, abs=0.03)
    assert row.found["collapse_nu"] == pytest.approx(NU, abs=0.3)
    assert list(row.locations["dimension"]) == list(SIZES)
    np.testing.assert_allclose(
        row.locations["critical"], CRITICAL + AMPLITUDE * np.array(SIZES) ** (-1 / NU), atol=0.02
    )


def test_scaled_data_are_the_curves_at_the_collapse(tmp_path):
    [row] = extract(store(tmp_path), Options()).rows
    expected = (row.curves.sparsity - row.found["collapse_critical"]) * row.curves.dimension ** (
        1 / row.found["collapse_nu"]
    )
    np.testing.assert_allclose(row.scaled["x"], expected)
    np.testing.assert_allclose(row.scaled["mean"], row.curves["mean"])


def test_theory_is_where_the_tie_broken_identity_passes_the_rotation(tmp_path):
    [row] = extract(store(tmp_path, dimension=(16, 32), seed=(0, 1)), Options()).rows
    assert row.theory == pytest.approx(2 - np.pi / 2, abs=1e-4)
    left, _, right = draw(extract(store(tmp_path / "again", dimension=(16, 32), seed=(0, 1)), Options())).axes
    assert row.theory in [line.get_xdata()[0] for line in left.lines]
    assert row.theory in [line.get_ydata()[0] for line in right.lines]


def test_there_is_no_theory_where_the_two_do_not_change_places(tmp_path):
    for i, more in enumerate(({"base": "gaussian"}, {"sparsity": (0.5, 0.6, 0.7)})):
        [row] = extract(store(tmp_path / str(i), dimension=(16, 32), seed=(0, 1), **more), Options()).rows
        assert np.isnan(row.theory)


def test_numbers_stand_in_the_panels_with_their_errors(tmp_path):
    drawn = draw(extract(store(tmp_path), Options()))
    _, middle, right = drawn.axes
    (collapsed,), (extrapolated,) = ([t.get_text() for t in ax.texts] for ax in (middle, right))
    assert all(name in collapsed for name in ("p_c$ = 0.", r"\nu$ = 1.", "$S$ = ", "±"))
    assert "p_c$ = 0." in extrapolated
    assert right.get_xlabel() == r"$d^{-1/\nu}$"
    assert middle.get_xlabel() == r"$(p - p_c)\,d^{1/\nu}$"


def test_each_rate_has_a_row(tmp_path):
    data = extract(store(tmp_path, rate=(0.5, 1.0), dimension=(16, 32, 64), seed=(0, 1, 2)), Options())
    assert [row.title for row in data.rows] == ["$r$ = 0.5", "$r$ = 1"]
    assert len(draw(data).axes) == 6


@pytest.mark.parametrize(
    "settings", [{"dimension": 16}, {"dimension": (16, 32)}, {"sparsity": 0.5}, {"seed": 0}], ids=str
)
def test_small_stores_are_drawn_and_say_what_is_missing(tmp_path, settings):
    drawn = draw(extract(store(tmp_path, **settings), Options()))
    drawn.draw_without_rendering()
    said = " ".join(t.get_text() for ax in drawn.axes for t in ax.texts)
    assert "no collapse" in said or "extrapolation needs" in said.replace("\n", " ")


def test_legend_and_texts_stand_inside_the_figure(tmp_path):
    drawn = figure(store(tmp_path), "collapse")
    boxes = [legend.get_window_extent() for legend in drawn.legends]
    boxes += [text.get_window_extent() for ax in drawn.axes for text in ax.texts]
    assert len(boxes) == 5
    for box in boxes:
        assert 0 <= box.x0 < box.x1 <= drawn.bbox.x1
        assert 0 <= box.y0 < box.y1 <= drawn.bbox.y1


def test_numbers_of_a_poor_collapse_are_not_shown(tmp_path):
    data = extract(store(tmp_path), Options())
    data.rows[0].found["collapse_quality"] = 10.0
    (said,) = (text.get_text() for text in draw(data).axes[1].texts)
    assert "no collapse within errors" in said
    assert "±" not in said


@pytest.mark.parametrize(
    "options", [{"y": "dimension"}, {"value": "dimension"}, {"x": "localization"}, {"x": "dimension"}], ids=str
)
def test_dimension_is_neither_axis_nor_value(tmp_path, options):
    with pytest.raises(AnalysisError, match="expected three different columns, none of them dimension"):
        extract(store(tmp_path, dimension=16, seed=0), Options(**options))


def test_other_settings_that_vary_are_refused_with_the_option_that_helps(tmp_path):
    with pytest.raises(AnalysisError, match=r"base also vary.*--where \"base = '"):
        extract(store(tmp_path, dimension=16, seed=0, base=("rademacher", "uniform")), Options())
