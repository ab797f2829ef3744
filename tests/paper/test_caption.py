"""Captions say what the rows of a store say."""

from explorer.paper import papers
from explorer.paper.caption import caption, how_it_was_made
from tests.figures.stores import cells, make


def test_axes_seeds_and_cells_are_counted(tmp_path):
    said = how_it_was_made(make(tmp_path, cells(rate=(0.5, 1.0), init="random")))
    assert said.startswith("78 cells: r = 0.5, 1; p from 0.3 to 0.9 (13 values).")
    assert "3 seeds; intervals are 95 % over seeds" in said
    assert "2026-01-01" in said
    assert "1 machine" in said


def test_one_seed_has_no_intervals(tmp_path):
    assert "One seed, so no intervals" in how_it_was_made(make(tmp_path, cells(seed=0)))


def test_cells_that_are_not_shown_are_not_counted(tmp_path):
    store = make(tmp_path, cells(rate=(0.5, 1.0)))
    assert how_it_was_made(store, "rate < 0.7").startswith("78 cells")


def test_lost_cells_are_said(tmp_path):
    said = how_it_was_made(make(tmp_path, cells(rate=1.0, init="random"), status="diverged"))
    assert "39 diverged cells are left out" in said


def test_a_store_without_cells_says_so(tmp_path):
    assert how_it_was_made(make(tmp_path, [])) == "No cells."


def test_title_what_it_shows_and_after_whom_come_first(tmp_path):
    entry = papers["tails"]
    said = caption(entry, make(tmp_path, cells(rate=1.0)))
    assert said.startswith(f"{entry.title}. {entry.drawings[0].says} In no paper. 78 cells")
