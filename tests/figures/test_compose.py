"""Several figures are the lettered parts of one."""

import pandas as pd
import pytest

from explorer.errors import AnalysisError
from explorer.figures import composite, figure
from explorer.figures.base import FigureKind, Options
from explorer.figures.compose import NARROWEST, composed
from explorer.figures.style import PAGE_INCHES
from tests.figures.stores import cells, make


def kind(width, height):
    return FigureKind(
        lambda store, options: None, lambda data: (width, height), lambda data, canvas: canvas.subplots().plot([1, 2])
    )


def rows_of(*widths):
    """By row of the page, how many parts stand in it."""
    drawn = composed([(kind(width, 2.0), None) for width in widths])
    drawn.draw_without_rendering()
    assert drawn.get_size_inches()[0] == PAGE_INCHES
    heights = [round(ax.get_window_extent().y0) for ax in drawn.axes]
    return [heights.count(height) for height in dict.fromkeys(heights)]


def test_one_part_is_the_figure_alone():
    drawn = composed([(kind(3.0, 2.0), None)])
    assert tuple(drawn.get_size_inches()) == (3.0, 2.0)
    assert not drawn.findobj(lambda artist: getattr(artist, "get_text", str)() == "(a)")


def test_parts_fill_rows_as_far_as_they_keep_most_of_their_width():
    whole = PAGE_INCHES
    assert rows_of(whole, whole) == [1, 1]
    assert rows_of(whole / 2, whole / 2, whole) == [2, 1]
    narrow = whole / 2 / NARROWEST
    assert rows_of(narrow - 0.01, narrow - 0.01) == [2]
    assert rows_of(narrow + 0.01, narrow + 0.01) == [1, 1]


def test_a_narrow_part_keeps_its_width():
    drawn = composed([(kind(PAGE_INCHES, 2.0), None), (kind(PAGE_INCHES / 2, 2.0), None)])
    drawn.draw_without_rendering()
    wide, narrow = (ax.get_window_extent().width for ax in drawn.axes)
    assert narrow < 0.6 * wide


def test_a_row_is_as_high_as_its_highest_part():
    drawn = composed([(kind(3.0, 2.0), None), (kind(3.0, 4.0), None), (kind(PAGE_INCHES, 1.5), None)])
    assert drawn.get_size_inches()[1] == pytest.approx(5.5)


def test_picture_letters_and_numbers_of_every_part(tmp_path):
    store = make(tmp_path / "store", cells(rate=0.5))
    out = tmp_path / "both.svg"
    composite(store, [("loss_curves", Options()), ("hysteresis", Options())], out)
    drawn = out.read_text()
    assert all(text in drawn for text in ("(a)", "(b)", "rotation", "coexistence"))
    assert {part[0] for part in pd.read_csv(tmp_path / "both.csv")["part"]} == {"a", "b"}


def test_one_part_is_written_as_figure_writes_it(tmp_path):
    store = make(tmp_path / "store", cells(rate=0.5))
    figure(store, "loss_curves", tmp_path / "alone.svg")
    composite(store, [("loss_curves", Options())], tmp_path / "part.svg")
    assert (tmp_path / "alone.svg").read_bytes() == (tmp_path / "part.svg").read_bytes()


def test_no_parts_are_refused(tmp_path):
    with pytest.raises(AnalysisError, match="no parts"):
        composite(make(tmp_path, cells(rate=0.5)), [])
