"""Which lines stand in which panel, and which theory beside them."""

import numpy as np
import pytest
from scipy import stats

from explorer.errors import AnalysisError
from explorer.figures import figures
from explorer.figures.base import Options
from explorer.figures.lines import _limits, extract
from explorer.theory import gaussian_loss, identity_loss, predicted_limits
from tests.figures.stores import SPARSITIES, cells, make, spectra

draw = figures["lines"].picture


def shown(place, members, **options):
    return extract(make(place, members), Options(**{"value": "loss", **options}))


def test_there_is_a_panel_for_each_y_and_a_line_for_each_other_setting(tmp_path):
    data = shown(tmp_path, cells(rate=(0.5, 1.0), base=("rademacher", "uniform")))
    assert [panel.title for panel in data.panels] == ["$r$ = $0.5$", "$r$ = $1$"]
    assert data.names == ["rademacher", "uniform"]


def test_names_are_panels_too(tmp_path):
    data = shown(tmp_path, cells(rate=1.0, base=("uniform", "laplace"), tied=(True, False)), y="base")
    assert [panel.title for panel in data.panels] == ["laplace", "uniform"]
    assert data.names == ["not tied", "tied"]


def test_settings_that_go_with_the_panel_tell_no_lines_apart(tmp_path):
    """Tied decoders are not refitted: `refit` is missing there, and the same in all rows of the other panel."""
    data = shown(tmp_path, cells(rate=1.0, tied=(True, False), dimension=(8, 16)), y="tied")
    assert data.names == ["$d$ = $8$", "$d$ = $16$"]
    assert all(set(panel.means["line"]) == set(data.names) for panel in data.panels)


def test_means_and_bands_are_students_over_seeds_from_one_start(tmp_path):
    rows = shown(tmp_path, cells(rate=1.0)).panels[0].means.set_index("sparsity")
    values = [1 - 0.6366197723675814 + 0.001 * np.cos(17 * seed + 5 * 0.3) for seed in range(3)]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert rows.loc[0.3, "mean"] == pytest.approx(np.mean(values))
    assert rows.loc[0.3, "half"] == pytest.approx((high - low) / 2)
    assert len(rows) == len(SPARSITIES)


def test_one_seed_has_no_band(tmp_path):
    assert shown(tmp_path, cells(rate=1.0, seed=0)).panels[0].means["half"].isna().all()


def test_theory_that_all_lines_share_is_one_line_beside_that_of_the_identity(tmp_path):
    theory = shown(tmp_path, cells(rate=1.0, dimension=(8, 16))).panels[0].theory
    assert set(theory["line"]) == {""}
    rotation = theory[theory["limit"] == "linear"]
    np.testing.assert_allclose(rotation["value"], float(gaussian_loss(1.0)))
    identity = theory[theory["limit"] == "identity"]
    assert len(identity) == len(rotation)
    np.testing.assert_allclose(identity["value"], identity_loss(1.0, identity["sparsity"], "rademacher"))


def test_theory_of_each_line_is_its_own(tmp_path):
    theory = shown(tmp_path, cells(rate=(0.5, 1.0)), y="dimension").panels[0].theory
    rotation = theory[theory["limit"] == "linear"].groupby("line")["value"].first()
    assert rotation.to_dict() == {"$r$ = $0.5$": float(gaussian_loss(0.5)), "$r$ = $1$": float(gaussian_loss(1.0))}


def test_along_the_samples_the_theory_is_that_of_infinitely_many(tmp_path):
    members = [cell for count in (64, 128, 256) for cell in spectra(rate=(0.5,), spectrum="isotropic", samples=count)]
    theory = shown(tmp_path, members, x="samples", y="rate").panels[0].theory
    assert set(theory["limit"]) == {"loss"}
    np.testing.assert_allclose(theory["value"], float(gaussian_loss(0.5)))


def test_along_the_rate_the_theory_is_of_each_rate_and_not_of_the_first(tmp_path):
    theory = shown(tmp_path, spectra(rate=(0.25, 0.5, 1.0)), x="rate", y="dimension").panels[0].theory
    assert (np.diff(theory.loc[theory["limit"] == "linear", "value"]) < 0).all()


def test_other_columns_than_the_loss_have_no_theory(tmp_path):
    data = shown(tmp_path, cells(rate=(0.5, 1.0)), value="localization")
    assert all(panel.theory.empty for panel in data.panels)
    assert draw(data).axes[0].get_ylabel().startswith("localization")


def test_marks_are_joined_only_where_no_theory_says_what_lies_between(tmp_path):
    members = cells(rate=1.0)
    with_theory = draw(shown(tmp_path / "a", members)).axes[0]
    without = draw(shown(tmp_path / "b", members, value="tying")).axes[0]
    styles = [
        next(line.get_linestyle() for line in ax.lines if line.get_marker() == "o") for ax in (with_theory, without)
    ]
    assert styles == ["None", "-"]


def test_losses_over_decades_are_logarithmic(tmp_path):
    def falling(cell):
        return {"localization": 0.5, "tying": 1.0, "loss": 10 ** (-4 * cell.settings["sparsity"])}

    data = extract(make(tmp_path, cells(rate=1.0), outcome=falling), Options(value="loss"))
    assert draw(data).axes[0].get_yscale() == "log"


def test_one_loss_near_zero_leaves_the_scale_linear_and_from_zero(tmp_path):
    data = shown(tmp_path, cells(rate=1.0, init="random"))
    data.panels[0].means.loc[0, "mean"] = 1e-6
    ax = draw(data).axes[0]
    assert ax.get_yscale() == "linear"
    assert ax.get_ylim()[0] == 0


def test_panels_whose_losses_lie_apart_have_scales_of_their_own(tmp_path):
    data = shown(tmp_path, cells(rate=(0.1, 1.0), sparsity=(0.3, 0.35, 0.4), init="random"))
    high, low = draw(data).axes
    assert high.get_ylim()[0] > low.get_ylim()[1]
    assert high.get_ylim()[0] > 0


def test_one_value_throughout_has_room_about_it(tmp_path):
    def same(cell):
        return {"localization": 0.5, "tying": 1.0, "loss": 0.5}

    low, high = (
        draw(extract(make(tmp_path, cells(rate=2.5, base="gaussian"), outcome=same), Options(value="loss")))
        .axes[0]
        .get_ylim()
    )
    assert low < 0.5 < high


def test_theory_that_lines_do_not_share_is_named_once(tmp_path):
    texts = [t.get_text() for t in draw(shown(tmp_path, cells(rate=(0.5, 1.0)), y="dimension")).legends[0].get_texts()]
    assert "theory of each, $d\\to\\infty$" in texts


def test_the_identity_above_what_was_measured_does_not_stretch_the_scale(tmp_path):
    data = shown(tmp_path, cells(rate=1.0, sparsity=(0.3, 0.35, 0.4), init="random"))
    assert data.panels[0].theory.query("limit == 'identity'")["value"].min() > 0.5
    assert draw(data).axes[0].get_ylim()[1] < 0.5


def test_training_curves_are_joined_also_beside_theory(tmp_path):
    data = shown(tmp_path, cells(rate=1.0, sparsity=0.3, steps=(10, 100, 1000), init="random"), x="steps", y="rate")
    ax = draw(data).axes[0]
    assert len(data.panels[0].theory) > 0
    assert any(line.get_marker() == "o" and line.get_linestyle() == "-" for line in ax.lines)


@pytest.mark.parametrize(
    ("decoder", "limit"), [("two_layer", "linear"), ("denoiser", "denoiser"), ("unrolled", "multilayer")]
)
def test_masked_whitened_images_are_compared_with_sparse_gaussian_data(decoder, limit):
    settings = {
        "source": "masked",
        "inner": "images",
        "whitening": "zca",
        "architecture": decoder,
        "activation": "sign",
        "rate": 0.5,
    }
    found = _limits(settings, "sparsity", np.array([0.2, 1.0]))
    points = [{"source": "sparse", "base": "gaussian", "architecture": decoder, "activation": "sign", "rate": 0.5, "sparsity": p}
              for p in (0.2, 1.0)]  # fmt: skip
    np.testing.assert_allclose(found["zeros"], [predicted_limits(point)[limit] for point in points])
    assert list(found) == ["zeros"]
    assert _limits({**settings, "whitening": "none"}, "sparsity", np.array([0.2])) == {}


def test_more_lines_than_can_be_told_apart_are_refused(tmp_path):
    with pytest.raises(AnalysisError, match="in 12 combinations; expected at most 8"):
        shown(tmp_path, cells(rate=1.0, sparsity=(0.3, 0.5), dimension=tuple(range(8, 20))))


def test_a_value_that_is_an_axis_is_refused(tmp_path):
    with pytest.raises(AnalysisError, match="is both an axis and the value"):
        shown(tmp_path, cells(rate=1.0), value="sparsity")
