"""Phases are named where they lie."""

import pandas as pd
from matplotlib.figure import Figure

from explorer.figures.naming import lowest_phases, name_phases, shared_phases

HAAR, IDENTITY = 0.3, 0.98


def rows(*members):
    columns = ["sparsity", "init", "loss", "localization", "dimension"]
    return pd.DataFrame([(*member, 8) for member in members], columns=columns)


TWO_STARTS = rows(
    (0.1, "random", 0.3, HAAR), (0.1, "identity", 0.9, IDENTITY),
    (0.2, "random", 0.3, HAAR), (0.2, "identity", 0.8, IDENTITY),
    (0.3, "random", 0.3, HAAR), (0.3, "identity", 0.2, IDENTITY),
    (0.4, "random", 0.1, IDENTITY), (0.4, "identity", 0.1, IDENTITY),
)  # fmt: skip


def as_tuples(stretches):
    return [(phase, round(low, 6), round(high, 6)) for phase, low, high in stretches.itertuples(index=False)]


def test_the_phase_of_the_lowest_loss_holds_half_way_to_the_next_point():
    assert as_tuples(lowest_phases(TWO_STARTS, "sparsity")) == [("rotation", 0.05, 0.25), ("identity", 0.25, 0.45)]


def test_starts_that_find_different_phases_coexist():
    assert as_tuples(shared_phases(TWO_STARTS, "sparsity")) == [("coexistence", 0.05, 0.35), ("identity", 0.35, 0.45)]


def test_points_of_one_start_alone_divide_nothing():
    refined = pd.concat([TWO_STARTS, rows((0.38, "random", 0.1, IDENTITY), (0.15, "random", 0.3, HAAR))])
    assert as_tuples(shared_phases(refined, "sparsity")) == as_tuples(shared_phases(TWO_STARTS, "sparsity"))
    apart = rows((0.1, "random", 0.3, HAAR), (0.2, "identity", 0.3, IDENTITY))
    assert shared_phases(apart, "sparsity").empty


def test_a_phase_is_that_of_most_seeds_and_mixed_where_there_is_none():
    halves = rows((0.1, "random", 0.3, HAAR), (0.1, "random", 0.3, IDENTITY))
    most = pd.concat([halves, rows((0.1, "random", 0.3, HAAR))])
    assert lowest_phases(halves, "sparsity")["phase"].tolist() == ["mixed"]
    assert lowest_phases(most, "sparsity")["phase"].tolist() == ["rotation"]


def test_points_without_an_order_parameter_divide_a_stretch():
    table = rows((0.1, "random", 0.3, HAAR), (0.2, "random", 0.3, float("nan")), (0.3, "random", 0.3, HAAR))
    assert as_tuples(lowest_phases(table, "sparsity")) == [("rotation", 0.05, 0.15), ("rotation", 0.25, 0.35)]


def test_a_store_without_order_parameters_names_nothing():
    assert lowest_phases(TWO_STARTS.drop(columns="localization"), "sparsity").empty
    assert shared_phases(TWO_STARTS.assign(localization=float("nan")), "sparsity").empty


def named(stretches, inches, xscale="linear"):
    ax = Figure().subplots()
    ax.set_xlim(0.1, 1)
    ax.set_xscale(xscale)
    ax.set_title("r = 1")
    name_phases(ax, pd.DataFrame(stretches, columns=["phase", "low", "high"]), inches)
    return ax


def test_names_stand_over_the_middle_of_their_stretch_also_on_a_logarithmic_axis():
    linear = named([("rotation", 0.1, 1.0)], 3.0)
    assert [(text.get_text(), round(text.get_position()[0], 3)) for text in linear.texts] == [("rotation", 0.55)]
    logarithmic = named([("rotation", 0.1, 1.0)], 3.0, "log")
    assert round(logarithmic.texts[0].get_position()[0], 3) == 0.316


def test_names_that_do_not_fit_are_left_out_and_their_stretch_is_not():
    ax = named([("rotation", 0.1, 0.9), ("tie-broken identity", 0.9, 1.0)], 3.0)
    assert [text.get_text() for text in ax.texts] == ["rotation"]
    assert len(ax.lines) == 2


def test_stretches_end_at_the_axes():
    (line,) = named([("rotation", -5.0, 0.05), ("identity", 0.9, 9.0)], 9.0).lines
    low, high = line.get_xdata()
    assert 0.9 < low < high < 1.0
