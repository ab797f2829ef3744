"""Rounds of a refinement, drawn from outcomes that are made up."""

import pytest

from explorer import figure
from explorer.errors import AnalysisError
from explorer.figures.base import Options
from explorer.figures.refinement import FAILED, extract
from explorer.proposers.refinement import Refinement
from tests.figures.stores import cells, make
from tests.proposers.test_refinement import CRITICAL, Trained, study


@pytest.fixture(scope="module")
def refined(tmp_path_factory):
    trained = Trained(
        tmp_path_factory.mktemp("refined"), study(rates="[0.5, 1.0]", inits="random", budget=48, batch=16)
    )
    rounds, _ = trained.rounds()
    return trained.store, rounds


def test_panels_show_every_round_with_what_was_known_before_it(refined):
    store, rounds = refined
    found = extract(store, Options())
    assert [len(row) for row in found.panels] == [len(rounds)] * 2
    for row in found.panels:
        held = [len(panel.before) for panel in row]
        assert held == sorted(held)
        assert all(len(panel.added) for panel in row[:1])
    added = {tuple(point[:1]) for row in found.panels for panel in row for point in panel.added}
    assert added == {(float(cell.settings["sparsity"]),) for cells in rounds for cell in cells}


def test_undecided_stretch_holds_the_boundary(refined):
    store, _ = refined
    for row, critical in zip(extract(store, Options()).panels, sorted(CRITICAL.values()), strict=True):
        x = row[0].at[row[0].undecided, 0]
        assert len(x)
        assert x.min() - 0.05 < critical < x.max() + 0.05


def test_cells_that_failed_are_marked_where_they_lie_and_are_in_no_fit(tmp_path):
    trained = Trained(tmp_path / "store", study(inits="random"))
    answer = Refinement(trained.study).propose(trained.store)
    trained.writer.keep_round(trained.name, "refine", 1, answer.cells)
    bad = float(answer.cells[0].settings["sparsity"])
    trained.train(answer.cells, [c.key for c in answer.cells if float(c.settings["sparsity"]) == bad])
    (row,) = extract(trained.store, Options()).panels
    assert row[-1].failed.tolist() == [[bad]]
    assert bad not in row[-1].added[:, 0]
    drawn = figure(trained.store, "refinement", tmp_path / "figure.png")
    assert FAILED in [text.get_text() for text in drawn.legends[0].get_texts()]


def test_store_that_was_never_refined_shows_the_field_of_its_grid(tmp_path):
    found = extract(make(tmp_path / "store", cells(rate=(0.5, 1.0))), Options())
    assert [panel.title for row in found.panels for panel in row] == ["grid: 39 cells"] * 2


def test_single_value_of_the_axis_is_refused(tmp_path):
    store = make(tmp_path / "store", cells(sparsity=(0.5,), rate=(0.5, 1.0)))
    with pytest.raises(AnalysisError, match="fewer than two values of sparsity"):
        figure(store, "refinement", tmp_path / "figure.png")
