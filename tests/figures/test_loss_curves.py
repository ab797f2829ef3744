"""What the loss curves show, without pixels."""

import numpy as np
import pytest

from explorer import figure
from explorer.errors import AnalysisError
from explorer.figures import figures
from explorer.figures.base import Options
from explorer.figures.loss_curves import extract
from explorer.theory import predicted_losses
from tests.figures.stores import CROSSING, SPARSITIES, cells, make, outcome

draw = figures["loss_curves"].picture


def test_there_is_one_panel_per_rate(tmp_path):
    assert [p.title for p in extract(make(tmp_path, cells()), Options()).panels] == [
        "$r$ = 0.5",
        "$r$ = 1",
        "$r$ = 1.5",
    ]


def test_losses_are_means_over_seeds_with_their_standard_errors(tmp_path):
    members = cells(rate=0.5)
    losses = extract(make(tmp_path, members), Options()).panels[0].losses
    assert len(losses) == 2 * len(SPARSITIES)
    row = losses[(losses["init"] == "random") & (losses["sparsity"] == SPARSITIES[0])].iloc[0]
    values = [
        outcome(c)["loss"] for c in members if (c.settings["init"], c.settings["sparsity"]) == ("random", SPARSITIES[0])
    ]
    assert row["mean"] == pytest.approx(np.mean(values))
    assert row["se"] == pytest.approx(np.std(values, ddof=1) / 3**0.5)
    assert row["n"] == 3


def test_predictions_are_those_of_theory(tmp_path):
    members = cells(rate=(0.5, 1.5))
    for panel, rate in zip(extract(make(tmp_path, members), Options()).panels, (0.5, 1.5), strict=True):
        known = {**next(c.settings for c in members if c.settings["rate"] == rate)}
        for row in panel.predictions.iloc[::40].to_dict("records"):
            assert row == pytest.approx(
                {"sparsity": row["sparsity"], **predicted_losses({**known, "sparsity": row["sparsity"]})}
            )
    assert "identity" not in panel.predictions


def test_predictions_span_what_was_measured(tmp_path):
    predictions = extract(make(tmp_path, cells(rate=0.5)), Options()).panels[0].predictions
    assert predictions["sparsity"].iloc[[0, -1]].tolist() == [SPARSITIES[0], SPARSITIES[-1]]


def test_each_panel_has_its_crossing(tmp_path):
    for panel in extract(make(tmp_path, cells()), Options()).panels:
        assert panel.crossing["critical"] == pytest.approx(CROSSING, abs=0.01)


def test_crossing_without_interval_is_not_said_to_have_one(tmp_path):
    drawn = draw(extract(make(tmp_path, cells(rate=0.5, seed=0)), Options()))
    assert "measured crossing" in drawn.axes[0].get_legend_handles_labels()[1]


@pytest.mark.parametrize("settings", [{"sparsity": 0.5}, {"seed": 0}, {"init": "random"}, {"rate": (0.5,)}])
def test_small_stores_are_drawn(tmp_path, settings):
    drawn = draw(extract(make(tmp_path, cells(**settings)), Options()))
    drawn.draw_without_rendering()
    assert drawn.axes[0].get_ylabel().startswith("loss")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_legend_stands_inside_the_figure(tmp_path, count):
    drawn = figure(make(tmp_path, cells(rate=(0.25, 0.5, 0.75, 1.0, 1.5)[:count])), "loss_curves")
    [legend] = [*drawn.legends, *(ax.get_legend() for ax in drawn.axes if ax.get_legend())]
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= drawn.bbox.x1
    assert box.y1 <= drawn.bbox.y1


def test_other_settings_that_vary_are_refused_with_the_option_that_helps(tmp_path):
    with pytest.raises(AnalysisError, match=r"base also vary.*--where \"base = '"):
        extract(make(tmp_path, cells(base=("rademacher", "uniform"))), Options())


def test_too_many_panels_are_refused(tmp_path):
    rates = tuple(round(0.5 + 0.1 * i, 1) for i in range(10))
    with pytest.raises(AnalysisError, match="10 values of rate, expected at most 9"):
        extract(make(tmp_path, cells(sparsity=0.5, rate=rates)), Options())
