from pathlib import Path

import numpy as np
import pytest

from explorer.errors import StudyError
from explorer.study import Study, load_study
from tests.test_study import text

STUDIES = Path(__file__).parents[1] / "studies"


def test_study_file_that_is_missing_names_the_nearest_file(tmp_path):
    (tmp_path / "sparse.yaml").write_text(text())
    with pytest.raises(StudyError, match=r'sprase\.yaml: no such file; expected .* Did you mean "sparse\.yaml"\?'):
        load_study(tmp_path / "sprase.yaml")


def test_study_file_that_is_not_utf8_is_refused(tmp_path):
    place = tmp_path / "latin.yaml"
    place.write_bytes("name: café\n".encode("latin-1"))
    with pytest.raises(StudyError, match=r"latin\.yaml: not text in UTF-8 \(byte 9\); expected"):
        load_study(place)


def test_directory_is_no_study_file(tmp_path):
    with pytest.raises(StudyError, match="is a directory; expected a study"):
        load_study(tmp_path)


def test_message_names_the_file_as_it_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text(text(sparsity="1.2"))
    with pytest.raises(StudyError, match=r"^bad\.yaml:5: axes\.sparsity: "):
        load_study("bad.yaml")


def study(**changes):
    return Study(text(**changes), "mine.yaml")


def column(found, name):
    return [cell.settings[name] for cell in found.cells]


@pytest.mark.parametrize(
    ("written", "read"), [("1e-3", 1e-3), ("1E-2", 0.01), ("1.e-1", 0.1), (".5", 0.5), ("+2", 2.0)]
)
def test_numbers_are_read_as_a_scientist_writes_them(written, read):
    assert column(study(learning_rate=written, sparsity="1"), "learning_rate") == [read]


def test_whole_number_may_be_written_with_an_exponent():
    found = column(study(steps="1e3", sparsity="1"), "steps")
    assert found == [1000]
    assert isinstance(found[0], int)


def test_integer_is_accepted_for_a_number_and_becomes_one():
    found = column(study(sparsity="1"), "sparsity")
    assert found == [1.0]
    assert isinstance(found[0], float)


def test_linear_range_has_both_ends_and_decimal_values():
    assert column(study(sparsity="{from: 0.1, to: 0.7, count: 7}"), "sparsity") == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]


def test_logarithmic_range_has_equal_ratios():
    found = np.array(
        column(study(sparsity="1", learning_rate="{from: 1e-4, to: 1, count: 9, log: true}"), "learning_rate")
    )
    np.testing.assert_allclose(found[1:] / found[:-1], 10**0.5, rtol=1e-9)
    assert (found[0], found[-1]) == (1e-4, 1.0)


def test_range_of_whole_numbers_is_whole():
    found = column(study(sparsity="1", dimension="{from: 8, to: 32, count: 4}"), "dimension")
    assert found == [8, 16, 24, 32]
    assert all(isinstance(value, int) for value in found)


def test_count_alone_gives_seeds_from_zero():
    assert column(study(sparsity="1", seed="{count: 4}"), "seed") == [0, 1, 2, 3]


def test_count_with_a_first_value_goes_on_from_there():
    assert column(study(sparsity="1", seed="{from: 10, count: 3}"), "seed") == [10, 11, 12]


def test_grid_is_the_product_of_its_axes_each_cell_once():
    found = study(sparsity="[0.2, 0.4, 0.6]", rate="[0.5, 1.0]", init="[random, identity]", seed="{count: 2}")
    assert found.points == len(found.cells) == 3 * 2 * 2 * 2
    assert len({cell.key for cell in found.cells}) == 24


@pytest.mark.parametrize("refined", [21, 41, 101])
def test_refined_grid_keeps_the_cells_of_the_coarse_one(refined):
    coarse = study(sparsity="{from: 0.3, to: 0.9, count: 11}")
    fine = study(sparsity=f"{{from: 0.3, to: 0.9, count: {refined}}}")
    assert {cell.key for cell in coarse.cells} < {cell.key for cell in fine.cells}


def test_settings_that_change_nothing_do_not_multiply_cells():
    found = study(base="[rademacher, generalized_gaussian]", shape="[1.5, 3, 4]", sparsity="1")
    assert found.points == 6
    assert len(found.cells) == 4
    assert sorted(cell.settings.get("shape", 0) for cell in found.cells) == [0, 1.5, 3, 4]


def test_order_of_keys_does_not_change_the_cells():
    first = Study("name: a\naxes: {source: gaussian, architecture: two_layer, rate: 1, dimension: 8}\n", "a")
    second = Study("axes: {dimension: 8, rate: 1, architecture: two_layer, source: gaussian}\nname: b\n", "b")
    assert [c.key for c in first.cells] == [c.key for c in second.cells]


def test_training_setting_means_the_same_under_axes():
    under_training = study(tail="training: {steps: 70}")
    under_axes = study(steps="70")
    assert [c.key for c in under_training.cells] == [c.key for c in under_axes.cells]


def test_anchors_and_merge_keys_are_understood():
    found = Study(
        "name: a\naxes: {<<: &common {source: gaussian, architecture: two_layer}, rate: 1, dimension: 8}\n", "a"
    )
    assert column(found, "source") == ["gaussian"]


def test_what_is_not_written_has_its_default():
    found = study()
    assert (found.keep.curves, found.keep.minimizers) == (False, False)
    assert (found.resources.cpus_per_pack, found.resources.cells_per_pack) == (1, "auto")


def test_cells_per_pack_is_the_width_of_every_pack():
    found = study(rate="[0.5, 1.0]", seed="{count: 5}", tail="resources: {cells_per_pack: 7}")
    assert set(found.widths.values()) == {7}
    assert set(found.widths) == {cell.shape_key for cell in found.cells}


@pytest.mark.parametrize("place", sorted(STUDIES.glob("*.yaml")), ids=lambda place: place.name)
def test_every_study_of_the_repository_loads(place):
    found = load_study(place)
    assert 0 < len({cell.key for cell in found.cells}) == len(found.cells) <= found.points
