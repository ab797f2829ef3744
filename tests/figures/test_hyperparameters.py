"""What the figure of hyperparameters shows, without pixels."""

import math

import numpy as np
import pytest

from explorer import figure
from explorer.errors import AnalysisError
from explorer.figures import figures
from explorer.figures.base import Options
from explorer.figures.hyperparameters import extract
from tests.figures.stores import SEARCH, SPARSITIES, cells, make, searching
from tests.proposers.search_loops import bowl

draw = figures["hyperparameters"].picture


def kept(place, loss=bowl, **options):
    """A search with known losses."""
    return make(
        place, searching(**options), outcome=lambda cell: {"loss": loss(cell), "localization": 0.5}, study=SEARCH
    )


def test_there_is_a_panel_for_each_searched_setting_and_a_line_for_each_rate(tmp_path):
    data = extract(kept(tmp_path), Options())
    assert [panel.name for panel in data.panels] == ["learning_rate", "surrogate_width", "tied", "refit"]
    assert data.lines == ["$r$ = 0.5", "$r$ = 1"]


def test_best_values_are_medians_and_ranges_over_seeds(tmp_path):
    def loss(cell):
        bad = cell.settings["seed"] == 2 and cell.settings["learning_rate"] == 0.003
        return math.inf if bad else bowl(cell)

    panel = extract(kept(tmp_path, loss, rate=1.0), Options()).panels[0]
    assert len(panel.best) == len(SPARSITIES)
    for row in panel.best.to_dict("records"):
        assert (row["low"], row["median"], row["high"]) == (0.003, 0.003, 0.02)


def test_names_stand_at_their_place_and_settings_left_out_have_no_value(tmp_path):
    def loss(cell):
        return 0.1 if cell.settings["tied"] else 0.5

    _, width, tied, refit = extract(kept(tmp_path, loss, rate=1.0), Options()).panels
    assert tied.names == ("false", "true")
    assert set(tied.best["median"]) == {1.0}
    assert set(width.best["median"]) == {0.2}
    assert refit.best.empty


def test_scale_is_logarithmic_where_the_range_is_and_the_default_is_a_dashed_line(tmp_path):
    data = extract(kept(tmp_path, rate=1.0), Options())
    assert [panel.default for panel in data.panels] == [0.02, 0.2, 0.0, 0.0]
    axes = draw(data).axes
    assert [ax.get_yscale() for ax in axes[:2]] == ["log", "linear"]
    dashed = [line for line in axes[0].lines if line.get_label() == "default"]
    assert [line.get_ydata()[0] for line in dashed] == [0.02]
    assert dashed[0].get_linestyle() == "--"


def test_regret_is_below_and_falls(tmp_path):
    data = extract(kept(tmp_path), Options())
    assert data.regret["trial"].tolist() == [0, 1, 2]
    assert (np.diff(data.regret["regret"]) <= 0).all()
    last = draw(data).axes[-1]
    assert "regret" in last.get_ylabel()
    assert last.lines[0].get_xdata().tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "settings", [{"sparsity": 0.5}, {"seed": 0}, {"rate": 1.0}, {"sparsity": 0.5, "seed": 0, "rate": 1.0}]
)
def test_small_searches_are_drawn(tmp_path, settings):
    drawn = figure(kept(tmp_path, **settings), "hyperparameters")
    assert len(drawn.axes) == 5
    [legend] = drawn.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= drawn.bbox.x1


def test_store_without_a_search_is_refused(tmp_path):
    with pytest.raises(AnalysisError, match="no search was run into this store"):
        extract(make(tmp_path, cells()), Options())


def test_search_without_any_loss_is_refused(tmp_path):
    store = make(tmp_path, searching(), status="diverged", study=SEARCH)
    with pytest.raises(AnalysisError, match="no trial of the search has a loss"):
        extract(store, Options())


def test_several_settings_beside_the_axis_are_refused(tmp_path):
    store = kept(tmp_path, base=("rademacher", "uniform"))
    with pytest.raises(AnalysisError, match=r"base, rate vary beside sparsity; expected one of them.*--where"):
        extract(store, Options())


def test_too_many_lines_are_refused(tmp_path):
    store = kept(tmp_path, rate=tuple(round(0.25 + 0.125 * i, 3) for i in range(7)), sparsity=(0.4, 0.5), seed=0)
    with pytest.raises(AnalysisError, match="7 values of rate, expected at most 6"):
        extract(store, Options())


def test_other_figures_show_the_best_trials(tmp_path):
    from explorer.figures.phase_diagram import extract as diagram

    store = kept(tmp_path, lambda cell: bowl(cell) + 0.1 * cell.settings["rate"])
    data = diagram(store, Options(value="loss"))
    assert len(data.panels) == 1  # hyperparameters make no panels
    best = store.sql("SELECT avg(loss) FROM cells WHERE best AND sparsity = 0.3 AND rate = 0.5").column(0)[0].as_py()
    assert data.panels[0].mean[0, 0] == pytest.approx(best)
