"""What the loop shows, without pixels."""

import numpy as np
import pytest

from explorer import figure
from explorer.errors import AnalysisError
from explorer.figures import figures
from explorer.figures.base import Options
from explorer.figures.hysteresis import extract
from tests.figures.stores import CROSSING, HAAR, SPARSITIES, SWITCH, cells, make, outcome

draw = figures["hysteresis"].picture


def both_switch(cell):
    """Identity starts leave the identity below 0.4."""
    found = outcome(cell)
    if cell.settings["init"] == "identity" and cell.settings["sparsity"] < 0.4:
        found |= {"localization": HAAR, "loss": 1 - cell.settings["rate"] * CROSSING}
    return found


def labels(drawn):
    return {text for ax in drawn.axes for text in ax.get_legend_handles_labels()[1]}


def test_there_is_one_column_per_rate_and_a_row_for_the_order_and_the_loss(tmp_path):
    drawn = draw(extract(make(tmp_path, cells()), Options()))
    assert len(drawn.axes) == 6
    assert [ax.get_title().split("\n")[0] for ax in drawn.axes[:3]] == ["$r$ = 0.5", "$r$ = 1", "$r$ = 1.5"]
    assert [ax.get_title() for ax in drawn.axes[3:]] == [""] * 3


def test_points_are_seed_means_with_standard_errors(tmp_path):
    members = cells(rate=0.5)
    panel = extract(make(tmp_path, members), Options()).panels[0]
    for frame, name in ((panel.order, "localization"), (panel.losses, "loss")):
        assert len(frame) == 2 * len(SPARSITIES)
        row = frame[(frame["init"] == "identity") & (frame["sparsity"] == SPARSITIES[2])].iloc[0]
        chosen = [c for c in members if (c.settings["init"], c.settings["sparsity"]) == ("identity", SPARSITIES[2])]
        values = [outcome(c)[name] for c in chosen]
        assert row["mean"] == pytest.approx(np.mean(values))
        assert row["se"] == pytest.approx(np.std(values, ddof=1) / 3**0.5)


def test_lines_are_those_of_the_estimator(tmp_path):
    data = extract(make(tmp_path, cells(rate=0.5), outcome=both_switch), Options())
    loop = data.panels[0].loop
    assert loop["spinodal_random"] == pytest.approx(SWITCH, abs=0.05)
    assert loop["spinodal_identity"] == pytest.approx(0.4, abs=0.05)
    assert loop["crossing"] == pytest.approx(CROSSING, abs=0.01)
    drawn = draw(data)
    places = {
        round(float(np.mean(line.get_xdata())), 6) for line in drawn.axes[0].lines if len(set(line.get_xdata())) == 1
    }
    assert places >= {round(float(loop[name]), 6) for name in ("spinodal_random", "spinodal_identity", "crossing")}
    assert {"coexistence", "crossing of the losses (95 %)"} <= labels(drawn)


def test_start_without_a_spinodal_has_no_line_and_there_is_no_coexistence_to_shade(tmp_path):
    shown = labels(draw(extract(make(tmp_path, cells(rate=0.5)), Options())))
    assert "coexistence" not in shown
    assert not any(text.startswith("spinodal, identity") for text in shown)


def test_one_seed_is_not_said_to_have_an_interval(tmp_path):
    shown = labels(draw(extract(make(tmp_path, cells(rate=0.5, seed=0)), Options())))
    assert "crossing of the losses" in shown
    assert not any("95 %" in text for text in shown)


@pytest.mark.parametrize("settings", [{"sparsity": 0.5}, {"seed": 0}, {"init": "random"}, {"rate": (0.5,)}])
def test_small_stores_are_drawn(tmp_path, settings):
    drawn = draw(extract(make(tmp_path, cells(**settings)), Options()))
    drawn.draw_without_rendering()
    assert drawn.axes[0].get_ylabel()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_legend_stands_inside_the_figure(tmp_path, count):
    members = cells(rate=(0.25, 0.5, 0.75, 1.0)[:count])
    drawn = figure(make(tmp_path, members, outcome=both_switch), "hysteresis")
    box = drawn.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= drawn.bbox.x1
    assert box.y1 <= drawn.bbox.y1


def test_more_columns_than_a_page_holds_are_refused(tmp_path):
    rates = tuple(round(0.5 + 0.1 * i, 1) for i in range(5))
    with pytest.raises(AnalysisError, match="5 values of rate, expected at most 4"):
        extract(make(tmp_path, cells(sparsity=0.5, rate=rates)), Options())


def test_other_settings_that_vary_are_refused(tmp_path):
    with pytest.raises(AnalysisError, match=r"base also vary"):
        extract(make(tmp_path, cells(base=("rademacher", "uniform"))), Options())
