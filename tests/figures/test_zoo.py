"""What the comparison of architectures shows, without pixels."""

import numpy as np
import pytest
from scipy import stats

from explorer.errors import AnalysisError
from explorer.figures import figures
from explorer.figures.base import Options
from explorer.figures.zoo import extract
from tests.figures.stores import cells, make, zoo

draw = figures["zoo"].picture

LEVELS = {"linear": 0.3, "denoiser": 0.5, "two_layer": 0.6, "random_encoder": 0.7}
OBSERVABLES = ("localization", "tying", "pca_loss", "code_entropy")


def outcome(cell):
    settings = cell.settings
    loss = LEVELS[settings["architecture"]] / settings["code_dimension"] + 0.01 * settings["seed"]
    entropy = None if settings["architecture"] == "linear" else 1.0
    pca = 1 / settings["code_dimension"] + 0.1 * settings["seed"]
    return {"localization": 0.5, "tying": 1.0, "loss": loss, "pca_loss": pca, "code_entropy": entropy}


def shown(place, members, outcome=outcome, observables=OBSERVABLES, **options):
    return extract(make(place, members, outcome=outcome, observables=observables), Options(**options))


def names(drawn):
    return [text.get_text() for text in drawn.axes[0].get_yticklabels()]


def test_there_is_one_panel_per_code_length(tmp_path):
    found = shown(tmp_path, zoo())
    assert [panel.title for panel in found.panels] == ["$n$ = 4 ($r$ = 0.5)", "$n$ = 8 ($r$ = 1)"]


def test_losses_are_means_over_seeds_with_their_student_intervals(tmp_path):
    losses = shown(tmp_path, zoo()).panels[0].losses.set_index("name")
    values = 0.5 / 4 + 0.01 * np.arange(3)
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert losses.loc["denoiser", "mean"] == pytest.approx(np.mean(values))
    assert losses.loc["denoiser", "half"] == pytest.approx((high - low) / 2)


def test_architectures_are_in_order_of_their_loss_from_the_top_of_every_panel(tmp_path):
    found = shown(tmp_path, zoo())
    assert found.architectures == ["linear", "denoiser", "two layer"]
    drawn = draw(found)
    assert names(drawn) == found.architectures
    for ax in drawn.axes:
        low, high = ax.get_ylim()
        assert low > high


def test_order_is_that_of_the_first_panel_whatever_the_others(tmp_path):
    turned = lambda c: {**outcome(c), "loss": outcome(c)["loss"] * (1 if c.settings["code_dimension"] == 4 else -1)}  # noqa: E731
    assert shown(tmp_path, zoo(), turned).architectures == ["linear", "denoiser", "two layer"]


def test_an_architecture_that_is_not_in_the_first_panel_comes_last(tmp_path):
    members = [*zoo(architecture=("denoiser", "two_layer")), *zoo(rate=1.0, architecture="linear")]
    assert shown(tmp_path, members).architectures == ["denoiser", "two layer", "linear"]


def test_pca_is_the_mean_over_cells(tmp_path):
    assert [panel.pca for panel in shown(tmp_path, zoo()).panels] == pytest.approx([1 / 4 + 0.1, 1 / 8 + 0.1])


def test_a_store_without_pca_has_no_line(tmp_path):
    found = shown(tmp_path, zoo(), observables=OBSERVABLES[:2])
    assert np.isnan(found.panels[0].pca)
    assert not any("PCA" in str(line.get_label()) for line in draw(found).axes[0].lines)


def test_codes_are_told_apart_by_their_entropy_where_it_is_known(tmp_path):
    losses = shown(tmp_path / "first", zoo()).panels[0].losses.set_index("name")
    assert losses["kind"].to_dict() == {"denoiser": "discrete", "linear": "real", "two layer": "discrete"}
    assert {*shown(tmp_path / "second", zoo(), observables=OBSERVABLES[:2]).panels[0].losses["kind"]} == {"unknown"}


def test_settings_of_one_architecture_have_a_row_each_named_by_what_tells_them_apart(tmp_path):
    members = [
        *zoo(),
        *zoo(architecture="two_layer", activation="tanh", tied=True),
        *zoo(architecture="random_encoder", decoder=("linear", "denoiser", "unrolled")),
    ]
    assert {*shown(tmp_path, members).architectures} == {
        "linear",
        "denoiser",
        "two layer (activation: sign, tied: false)",
        "two layer (activation: tanh, tied: true)",
        "random encoder (decoder: linear)",
        "random encoder (decoder: denoiser)",
        "random encoder (decoder: unrolled)",
    }


def test_numbers_and_truth_values_name_a_row_in_words(tmp_path):
    members = zoo(architecture="two_layer", tied=(True, False), learning_rate=(0.01, 0.02))
    assert "two layer (learning rate: 0.01, tied: true)" in shown(tmp_path, members).architectures


@pytest.mark.parametrize("settings", [{"architecture": "linear"}, {"seed": 0}, {"rate": 0.5}])
def test_small_stores_are_drawn(tmp_path, settings):
    found = shown(tmp_path, zoo(**settings))
    drawn = draw(found)
    drawn.draw_without_rendering()
    assert drawn.axes[-1].get_xlabel().startswith("loss")


def test_one_seed_has_no_interval_and_says_so(tmp_path):
    found = shown(tmp_path, zoo(seed=0))
    assert found.panels[0].losses["half"].isna().all()
    assert any("one seed" in text.get_text() for text in draw(found).legends[0].get_texts())


def test_cells_without_a_finite_loss_are_left_out(tmp_path):
    bad = lambda c: {**outcome(c), "loss": np.nan if c.settings["seed"] == 0 else outcome(c)["loss"]}  # noqa: E731
    assert (shown(tmp_path / "first", zoo(), bad).panels[0].losses["n"] == 2).all()
    with pytest.raises(AnalysisError, match="no cell has a finite loss"):
        shown(tmp_path / "second", zoo(), lambda c: {**outcome(c), "loss": np.nan})


def test_diverged_cells_are_refused_when_there_are_no_others(tmp_path):
    with pytest.raises(AnalysisError, match="failed or diverged"):
        extract(make(tmp_path, zoo(), status="diverged"), Options())


def test_cross_entropy_has_its_own_label_and_no_pca(tmp_path):
    members = zoo(architecture="linear")
    found = make(
        tmp_path, members, outcome=lambda c: {**outcome(c), "distortion": "cross_entropy"}, observables=OBSERVABLES
    )
    data = extract(found, Options())
    assert data.label.startswith("cross-entropy")
    assert np.isnan(data.panels[0].pca)


@pytest.mark.parametrize("settings", [{"sparsity": (0.3, 0.5)}, {"dimension": (8, 16)}, {"samples": (100.0, 200.0)}])
def test_several_data_sets_are_refused_with_the_option_that_helps(tmp_path, settings):
    [(name, _)] = settings.items()
    with pytest.raises(
        AnalysisError, match=rf'{name} also vary; expected architectures on the same data.*--where "{name} = '
    ):
        shown(tmp_path, [c for s in settings[name] for c in members_at(name, s)])


def members_at(name, value):
    if name == "sparsity":
        return cells(value, 0.5, "gaussian", "random", architecture=("linear", "denoiser"))
    return zoo(**{name: value})


def test_more_code_lengths_than_panels_are_refused(tmp_path):
    with pytest.raises(AnalysisError, match="7 values of code_dimension, expected at most 6"):
        shown(tmp_path, zoo(rate=tuple(i / 8 for i in range(1, 8))))


def test_axes_that_are_not_used_are_not_asked_for(tmp_path):
    assert len(shown(tmp_path, zoo(), x="nowhere", y="nowhere").panels) == 2
