"""What a phase diagram shows, without pixels."""

import numpy as np
import pytest

from explorer import figure
from explorer.errors import AnalysisError
from explorer.figures import figures
from explorer.figures.base import Options
from explorer.figures.phase_diagram import extract
from tests.figures.stores import CROSSING, HAAR, SPARSITIES, SWITCH, cells, make, outcome

draw = figures["phase_diagram"].picture


def panel(store, **options):
    [only] = extract(store, Options(**options)).panels
    return only


def test_grid_holds_the_seed_means_of_one_start(tmp_path):
    shown = panel(make(tmp_path, cells(sparsity=(0.3, 0.7), rate=(0.5, 1.0))))
    assert shown.x.tolist() == [0.3, 0.7]
    assert shown.y.tolist() == [0.5, 1.0]
    noise = [np.mean([0.001 * np.cos(17 * seed + 5 * x) for seed in range(3)]) for x in shown.x]
    np.testing.assert_allclose(shown.mean, [[HAAR + noise[0], 0.98 + noise[1]]] * 2)


def test_points_without_a_cell_are_missing(tmp_path):
    grid = cells(sparsity=(0.3, 0.7), rate=(0.5, 1.0), init="random")
    holey = [c for c in grid if (c.settings["sparsity"], c.settings["rate"]) != (0.7, 1.0)]
    assert np.isnan(panel(make(tmp_path, holey)).mean).tolist() == [[False, False], [False, True]]


def test_boundaries_hold_both_estimators_at_each_rate(tmp_path):
    found = panel(make(tmp_path, cells())).boundaries
    assert sorted(found["rate"].unique()) == [0.5, 1.0, 1.5]
    switch, crossing = (found[found["estimator"] == name]["critical"] for name in ("switch", "crossing"))
    assert switch.to_numpy() == pytest.approx(SWITCH, abs=0.05)
    assert crossing.to_numpy() == pytest.approx(CROSSING, abs=0.01)


def test_theory_is_drawn_up_to_rate_one_only(tmp_path):
    theory = panel(make(tmp_path, cells())).theory
    assert theory[:, 0] == pytest.approx(2 / np.pi)
    assert theory[:, 1].min() == 0.5
    assert 0.99 < theory[:, 1].max() <= 1


def test_no_theory_where_every_rate_is_above_one(tmp_path):
    assert panel(make(tmp_path, cells(rate=(1.25, 1.5)))).theory.shape == (0, 2)


def test_theory_needs_no_rate_axis(tmp_path):
    store = make(tmp_path, cells(rate=0.5, learning_rate=(0.01, 0.02)))
    assert panel(store, y="learning_rate").theory[:, 0] == pytest.approx(2 / np.pi)


def test_each_base_has_a_panel_with_its_name_and_its_own_theory(tmp_path):
    found = extract(make(tmp_path, cells(base=("rademacher", "uniform"))), Options()).panels
    assert [p.title for p in found] == ["base: rademacher", "base: uniform"]
    assert found[0].theory[0, 0] < found[1].theory[0, 0]


def test_panels_are_named_by_every_setting_that_varies(tmp_path):
    members = [*cells(rate=0.5), *cells(rate=0.5, base="generalized_gaussian", shape=(2.0, 4.0))]
    titles = [p.title for p in extract(make(tmp_path, members), Options()).panels]
    assert titles == [
        "base: generalized_gaussian\n$\\beta$ = 2",
        "base: generalized_gaussian\n$\\beta$ = 4",
        "base: rademacher",
    ]


def test_panels_of_unequal_grids_are_all_within_the_axes(tmp_path):
    members = [*cells(sparsity=(0.2, 0.4, 0.6)), *cells(sparsity=(0.7, 0.9), rate=(0.25, 0.5), base="uniform")]
    drawn = draw(extract(make(tmp_path, members), Options()))
    low, high = drawn.axes[0].get_xlim()
    assert low < 0.2
    assert high > 0.9
    assert drawn.axes[0].get_yticks().tolist() == [0.25, 0.5, 1.0, 1.5]


def test_too_many_panels_are_refused_with_the_option_that_helps(tmp_path):
    members = cells(sparsity=0.5, rate=0.5, seed=0, init="random", steps=tuple(range(100, 110)))
    with pytest.raises(AnalysisError, match=r'steps also vary, in 10 combinations.*--where "steps = 1'):
        extract(make(tmp_path, members), Options())


def test_one_panel_can_be_chosen(tmp_path):
    store = make(tmp_path, cells(base=("rademacher", "uniform")))
    assert panel(store, where="base = 'uniform'").title == ""


def test_phases_are_named_inside_their_regions(tmp_path):
    names = {phase: x for phase, x, _, _ in panel(make(tmp_path, cells())).names}
    assert names.keys() == {"rotation", "identity"}
    assert SPARSITIES[0] < names["rotation"] < SWITCH
    assert CROSSING < names["identity"] < SPARSITIES[-1]


@pytest.mark.parametrize("value", ["localization", "loss"])
def test_names_contrast_with_the_colour_below_them(tmp_path, value):
    ax = draw(extract(make(tmp_path, cells(rate=0.5)), Options(value=value))).axes[0]
    mesh = ax.collections[0]
    colours = mesh.get_cmap()(mesh.norm(mesh.get_array()))[0]
    for text in ax.texts:
        below = colours[np.argmin(np.abs(np.array(SPARSITIES) - text.get_position()[0]))]
        light = np.dot(below[:3], (0.299, 0.587, 0.114)) >= 0.5
        assert text.get_color() == ("black" if light else "white")


@pytest.mark.parametrize(
    "settings",
    [{"sparsity": 0.5, "rate": 0.5}, {"rate": 1.0}, {"sparsity": 0.5}, {"seed": 0}, {"init": "random"}],
    ids=["one point", "one rate", "one sparsity", "one seed", "random starts only"],
)
def test_small_stores_are_drawn(tmp_path, settings):
    drawn = draw(extract(make(tmp_path, cells(**settings)), Options()))
    drawn.draw_without_rendering()
    assert drawn.axes[0].get_xlabel() == "sparsity $p$"


def test_theory_of_one_rate_is_a_line_and_not_a_point(tmp_path):
    [line] = [
        line for line in draw(extract(make(tmp_path, cells(rate=0.5)), Options())).axes[0].lines if "theory" in str(line.get_label())
    ]  # fmt: skip
    assert np.ptp(np.asarray(line.get_ydata())) > 0


def test_theory_outside_the_measured_range_is_neither_drawn_nor_named(tmp_path):
    drawn = draw(extract(make(tmp_path, cells(sparsity=(0.3, 0.4))), Options()))
    assert not any("theory" in str(line.get_label()) for line in drawn.axes[0].lines)


def test_even_ratios_are_drawn_on_a_logarithmic_axis(tmp_path):
    drawn = draw(
        extract(make(tmp_path, cells(sparsity=0.5, learning_rate=(0.001, 0.01, 0.1))), Options(x="learning_rate"))
    )
    assert drawn.axes[0].get_xscale() == "log"
    assert drawn.axes[0].get_yscale() == "linear"


def test_missing_start_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(AnalysisError, match='start from "identity"; expected one of random'):
        extract(make(tmp_path, cells(init="random")), Options(start="identity"))


def test_value_that_no_cell_has_is_refused(tmp_path):
    store = make(tmp_path, cells(rate=0.5), outcome=lambda cell: {**outcome(cell), "tying": None})
    with pytest.raises(AnalysisError, match="has a value of tying"):
        extract(store, Options(value="tying"))


def test_store_of_failed_cells_is_refused(tmp_path):
    with pytest.raises(AnalysisError, match="all 3 cells failed or diverged"):
        extract(make(tmp_path, cells(sparsity=0.5, rate=0.5, init="random"), status="failed"), Options())


def test_condition_that_no_cell_meets_is_refused(tmp_path):
    with pytest.raises(AnalysisError, match="no cells where rate > 7"):
        extract(make(tmp_path, cells(rate=0.5)), Options(where="rate > 7"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y": "base"}, 'column "base" holds .* values, expected numbers'),
        ({"y": "sparsity"}, 'x and y are both "sparsity"'),
        ({"y": "seed"}, "names replicates"),
        ({"value": "rate"}, "both an axis and the value"),
        ({"value": "localisation"}, 'Did you mean "localization"'),
    ],
)
def test_impossible_axes_are_refused(tmp_path, options, message):
    with pytest.raises(AnalysisError, match=message):
        extract(make(tmp_path, cells(rate=0.5)), Options(**options))


def test_an_infinite_setting_is_no_axis(tmp_path):
    grid = [*cells(samples=(100.0,)), *cells(samples=(float("inf"),))]
    with pytest.raises(AnalysisError, match=r'samples is inf in some cells, .* --where "samples < 1e9"'):
        figure(make(tmp_path, grid), "phase_diagram", x="samples", where="sparsity = 0.5")


def test_scattered_mixed_points_are_no_region_with_a_name(tmp_path):
    def with_islands(cell):
        found = outcome(cell)
        apart = (SPARSITIES[4], SPARSITIES[8], SPARSITIES[12])
        return {**found, "localization": 0.6} if cell.settings["sparsity"] in apart else found

    names = {phase for phase, *_ in panel(make(tmp_path, cells(), outcome=with_islands)).names}
    assert names == {"rotation", "identity"}
