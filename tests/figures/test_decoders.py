"""What the figure of decoders shows, without pixels."""

import numpy as np
import pytest
from scipy import stats

from explorer import figure
from explorer.errors import AnalysisError
from explorer.figures import figures
from explorer.figures.base import Options
from explorer.figures.decoders import MARKERS, MOST_POINTS, extract
from explorer.theory import predicted_limits
from tests.figures.stores import cells, make

draw = figures["decoders"].picture

ARCHITECTURES = ("unrolled", "linear", "two_layer", "denoiser")
LEVELS = {"two_layer": 0.7, "denoiser": 0.6, "unrolled": 0.5}


def several(sparsity=(0.5, 0.7), rate=0.5, architecture=ARCHITECTURES, base="gaussian", init="random", **more):
    return cells(sparsity, rate, base, init, architecture=architecture, **more)


def outcome(cell):
    settings = cell.settings
    noise = 0.01 * np.cos(17 * settings["seed"])
    return {"localization": 0.5, "tying": 1.0, "loss": LEVELS.get(settings["architecture"], 0.8) + noise}


def store(place, members, **more):
    return make(place, members, **{"outcome": outcome, **more})


def shown(place, members, **options):
    return extract(store(place, members), Options(**options))


def test_there_is_one_panel_per_rate_in_order(tmp_path):
    found = shown(tmp_path, several(rate=(1.0, 0.25), sparsity=0.5))
    assert [panel.title for panel in found.panels] == ["$r$ = 0.25", "$r$ = 1"]


def test_losses_are_means_over_seeds_with_their_student_intervals(tmp_path):
    losses = shown(tmp_path, several()).panels[0].losses
    assert len(losses) == len(ARCHITECTURES) * 2
    row = losses[(losses["architecture"] == "denoiser") & (losses["sparsity"] == 0.7)].iloc[0]
    values = 0.6 + 0.01 * np.cos(17 * np.arange(3))
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert row["mean"] == pytest.approx(np.mean(values))
    assert row["half"] == pytest.approx((high - low) / 2)


def test_architectures_with_a_line_come_first(tmp_path):
    assert shown(tmp_path, several()).architectures == ["two_layer", "denoiser", "unrolled", "linear"]


def test_limits_are_those_of_theory_at_the_rate_as_trained(tmp_path):
    members = several(rate=0.55)
    settings = next(dict(c.settings) for c in members if c.settings["architecture"] == "two_layer")
    assert settings["code_dimension"] == 4
    for row in shown(tmp_path, members).panels[0].limits.to_dict("records")[:: MOST_POINTS // 3]:
        known = predicted_limits({**settings, "sparsity": row["sparsity"]})
        assert row == pytest.approx(
            {name: known[name] for name in row if name != "sparsity"} | {"sparsity": row["sparsity"]}
        )


def test_limits_have_the_measured_points_and_few_between(tmp_path):
    limits = shown(tmp_path, several(sparsity=(0.5, 0.6, 0.7))).panels[0].limits
    assert {0.5, 0.6, 0.7} <= {*limits["sparsity"]}
    assert len(limits) <= MOST_POINTS


def test_the_order_of_the_limits_is_that_of_the_decoders(tmp_path):
    limits = shown(tmp_path, several()).panels[0].limits
    assert {*limits.columns} == {"sparsity", "linear", "denoiser", "multilayer", "shannon"}
    assert (limits["linear"] > limits["denoiser"]).all()
    assert (limits["denoiser"] > limits["multilayer"]).all()
    assert (limits["multilayer"] > limits["shannon"]).all()


def test_the_identity_is_shown_where_it_is_below_the_rotation_only(tmp_path):
    limits = shown(tmp_path, several(sparsity=(0.5, 0.8), base="rademacher")).panels[0].limits
    assert (limits["identity"].notna() == (limits["sparsity"] > 2 / np.pi)).all()


def test_limits_along_the_rate_are_those_of_each_rate(tmp_path):
    members = several(sparsity=0.5, rate=(0.25, 0.5, 1.0))
    limits = shown(tmp_path, members, x="rate", y="sparsity").panels[0].limits
    assert limits["linear"].to_numpy() == pytest.approx(1 - 2 / np.pi * limits["rate"])


@pytest.mark.parametrize(
    "members", [{"architecture": ("linear", "mlp")}, {"distortion": "squared_error", "architecture": "mlp"}]
)
def test_codes_of_more_than_one_bit_have_markers_and_no_lines(tmp_path, members):
    found = shown(tmp_path, several(**members))
    assert [*found.panels[0].limits] == ["sparsity"]
    assert len(found.panels[0].losses)
    figure(store(tmp_path / "second", several(**members)), "decoders")


def test_other_architectures_join_those_with_lines(tmp_path):
    many = (
        "two_layer",
        "denoiser",
        "unrolled",
        "random_encoder",
        "linear",
        "mlp",
        "sparse_code",
        "variational",
        "denoising",
    )
    found = shown(tmp_path, several(architecture=many, sparsity=0.5, seed=(0, 1)))
    assert {*found.architectures} == {*many}
    drawn = draw(found)
    markers = {(line.get_color(), line.get_marker()) for line in drawn.axes[0].lines if line.get_linestyle() == "None"}
    assert len({m for m in markers if m[1] not in ("_", "|", 2, 3)}) == len(many)


def test_markers_share_the_colour_of_the_line_they_should_sit_on(tmp_path):
    [ax] = [ax for ax in draw(shown(tmp_path, several())).axes if ax.get_title()]
    lines = [line.get_color() for line in ax.lines if line.get_linestyle() not in ("None", "")]
    assert {colour for colour, _ in MARKERS.values()} <= {*lines}


def test_one_seed_has_no_interval_and_says_so(tmp_path):
    found = shown(tmp_path, several(seed=0))
    assert found.panels[0].losses["half"].isna().all()
    assert "one seed" in texts(draw(found))


def test_the_dimension_is_stated(tmp_path):
    assert "measured at $d$ = 8:" in texts(draw(shown(tmp_path, several())))


def texts(drawn):
    legends = [child for ax in drawn.axes for child in ax.get_children() if type(child).__name__ == "Legend"]
    return "\n".join(legend.get_title().get_text() for legend in legends)


def test_points_without_a_finite_loss_are_left_out(tmp_path):
    bad = lambda c: c.settings["architecture"] == "denoiser" and c.settings["sparsity"] == 0.7  # noqa: E731
    kept = lambda c: {**outcome(c), "loss": np.nan if bad(c) or c.settings["seed"] == 2 else outcome(c)["loss"]}  # noqa: E731
    losses = extract(store(tmp_path, several(), outcome=kept), Options()).panels[0].losses
    assert len(losses) == len(ARCHITECTURES) * 2 - 1
    assert (losses["n"] == 2).all()


def test_the_start_can_be_chosen(tmp_path):
    members = several(architecture=("two_layer", "denoiser"), init=("random", "identity"))
    assert (shown(tmp_path, members, start="identity").panels[0].losses["n"] == 3).all()


def test_a_start_that_no_cell_has_is_refused(tmp_path):
    with pytest.raises(AnalysisError, match='no cells start from "identity"; expected one of random'):
        shown(tmp_path, several(), start="identity")


def test_a_setting_that_varies_within_an_architecture_is_refused_with_a_condition_that_keeps_the_others(tmp_path):
    members = [*several(), *several(architecture="random_encoder", decoder=("linear", "unrolled"))]
    where = "decoder = 'linear' or decoder is null"
    with pytest.raises(AnalysisError, match=rf'also vary within random_encoder.*--where "{where}"'):
        shown(tmp_path / "first", members)
    assert len(shown(tmp_path / "second", members, where=where).architectures) == 5


def test_architectures_may_differ_in_how_they_are_trained_and_not_in_data(tmp_path):
    tuned = [*several(architecture="two_layer"), *several(architecture="denoiser", learning_rate=0.01)]
    assert len(shown(tmp_path / "first", tuned).architectures) == 2
    other = [*several(architecture="two_layer"), *several(architecture="denoiser", base="uniform")]
    with pytest.raises(AnalysisError, match="base also vary; expected architectures on the same data"):
        shown(tmp_path / "second", other)


def test_too_many_panels_are_refused(tmp_path):
    with pytest.raises(AnalysisError, match="10 values of learning_rate, expected at most 9"):
        shown(tmp_path, several(learning_rate=tuple(0.01 * i for i in range(1, 11))), y="learning_rate")


def test_a_store_without_the_axis_names_those_that_vary(tmp_path):
    members = cells(
        source="gaussian", sparsity=0.5, base="gaussian", rate=(0.5, 1.0), init="random", learning_rate=(0.01, 0.02)
    )
    members = [c for c in members if "sparsity" not in c.settings]
    assert members
    with pytest.raises(
        AnalysisError, match=r'no column "sparsity"; choose another axis with --x, .* varies: .*learning_rate, rate\.'
    ) as error:
        shown(tmp_path, members)
    assert len(str(error.value)) < 300
    assert len(shown(tmp_path / "second", members, x="rate", y="learning_rate").panels) == 2


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "architecture", [ARCHITECTURES, (*ARCHITECTURES, "mlp", "sparse_code", "variational", "denoising")]
)
def test_legends_stand_inside_the_figure_and_clear_of_the_panels(tmp_path, count, architecture):
    members = several(
        rate=(0.25, 0.5, 0.75, 0.875, 1.0)[:count], sparsity=(0.5, 0.7), base="rademacher", architecture=architecture
    )
    drawn = figure(store(tmp_path, members), "decoders")
    legends = [child for ax in drawn.axes for child in ax.get_children() if type(child).__name__ == "Legend"]
    boxes = [legend.get_window_extent() for legend in legends]
    panels = [ax.get_tightbbox() for ax in drawn.axes if ax.get_title()]
    assert len(boxes) == 2
    assert not boxes[0].overlaps(boxes[1])
    for box in boxes:
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= drawn.bbox.x1
        assert box.y1 <= drawn.bbox.y1
        assert not any(box.overlaps(panel) for panel in panels)
