"""What a page knows of the cells: settings by their levels, results as numbers."""

import base64

import numpy as np
import pytest

from explorer.report.columns import colours, packed, read_cells, text_of, texts_of
from explorer.report.contents import View, contents
from explorer.report.page import json_text
from tests.figures.stores import SEARCH, make, searching, zoo
from tests.report.stores import members, publish, rows


def roles(store):
    return {s.name: s.role for s in read_cells(store).settings}


def test_settings_that_vary_have_a_switch_and_seeds_are_replicates(tmp_path):
    store = publish(tmp_path, members())
    assert roles(store) == {
        "code_dimension": "told",
        "init": "axis",
        "rate": "axis",
        "seed": "seed",
        "sparsity": "axis",
    }


def test_levels_and_codes_give_the_settings_back(tmp_path):
    store = publish(tmp_path, members())
    cells = read_cells(store)
    frame = store.to_pandas()
    assert cells.keys == list(frame["cell_key"])
    for setting in cells.settings:
        assert [setting.levels[code] for code in setting.codes] == frame[setting.name].tolist()
    assert cells.values["loss"] == pytest.approx(frame["loss"].to_numpy())


def test_what_a_search_found_is_no_axis_and_the_best_trial_is_shown(tmp_path):
    store = make(tmp_path, searching(), study=SEARCH)
    assert {name for name, role in roles(store).items() if role == "axis"} == {"rate", "sparsity"}
    assert roles(store)["learning_rate"] == "told"
    assert read_cells(store).keys == sorted(store.arrow(where=store.chosen())["cell_key"].to_pylist())


def test_settings_of_some_architectures_alone_need_no_switch(tmp_path):
    assert {name for name, role in roles(make(tmp_path, zoo())).items() if role == "axis"} == {"architecture", "rate"}


@pytest.mark.parametrize(
    ("values", "scale"),
    [((0.1, 0.2, 0.3), "linear"), ((0.001, 0.01, 0.1, 1.0), "log")],
)
def test_numbers_have_a_scale(tmp_path, values, scale):
    found = {s.name: s.scale for s in read_cells(publish(tmp_path, members(sparsity=values))).settings}
    assert found["sparsity"] == scale
    assert found["init"] == "names"


def test_infinity_has_no_place_on_a_scale_and_is_a_name(tmp_path):
    cells = read_cells(publish(tmp_path, members(samples=(100.0, float("inf")))))
    samples = next(s for s in cells.settings if s.name == "samples")
    assert (samples.scale, [text_of(level) for level in samples.levels]) == ("names", ["100", "∞"])


def test_refined_axes_are_known(tmp_path):
    store = publish(tmp_path, members(), study="name: r\nrefine: {along: [sparsity]}\n")
    assert {s.name for s in read_cells(store).settings if s.refined} == {"sparsity"}


@pytest.mark.parametrize("most", [0, 255, 256, 65535, 65536])
def test_columns_are_as_narrow_as_their_codes(most):
    codes = np.array([0, most])
    found = packed(codes)
    assert np.frombuffer(base64.b64decode(found["data"]), f"<u{found['bytes']}").tolist() == [0, most]
    assert found["bytes"] == (1 if most < 256 else 2 if most < 65536 else 4)


def test_values_that_are_not_finite_survive(tmp_path):
    cells = members(rate=1.0, init="random")
    losses = [np.nan, np.inf, -np.inf, 1e300, 0.25]
    written = rows(cells)
    for row, loss in zip(written, losses, strict=False):
        row["loss"] = loss
    store = publish(tmp_path, cells, written)
    by_key = dict(zip(read_cells(store).keys, read_cells(store).values["loss"].tolist(), strict=True))
    found = [by_key[cell.key] for cell in cells[:5]]
    assert np.array_equal(found, [np.nan, np.inf, -np.inf, np.inf, 0.25], equal_nan=True)
    assert json_text(contents(store, View()))


def test_an_outlier_does_not_stretch_the_colours():
    column = np.append(np.linspace(0.1, 0.2, 1000), [1e6]).astype(np.float32)
    assert colours("loss", column)[1] < 0.25
    assert colours("localization", column) == (0.0, 1.0)
    assert colours("loss", np.full(3, 2, dtype=np.float32)) == (1.5, 2.5)


def test_levels_are_as_short_as_they_can_be_told_apart():
    assert texts_of([1 / 3, 0.5, None]) == ["0.333333", "0.5", "—"]
    assert texts_of([0.1234567, 0.1234568]) == ["0.1234567", "0.1234568"]
    assert texts_of([10**6, True]) == ["1000000", "true"]
