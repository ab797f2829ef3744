"""What every figure must do; a new file in explorer/figures is tested here without a line being added."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

from explorer import figure
from explorer.errors import AnalysisError, ExplorerError
from explorer.figures import figures
from explorer.figures.base import Options
from explorer.figures.style import COLUMN_INCHES, PAGE_INCHES
from tests.figures.stores import FITTING, STUDIES, cells, make

FIRST_BYTES = {"png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-", "svg": b"<?xml"}


@pytest.fixture(params=list(figures))
def name(request):
    return request.param


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    kinds = {"": cells, **FITTING}
    return {
        kind: make(tmp_path_factory.mktemp("store"), of(rate=(0.5, 1.0)), minimizers=True, study=STUDIES.get(kind, ""))
        for kind, of in kinds.items()
    }


@pytest.fixture
def store(name, stores):
    return stores[name if name in FITTING else ""]


def test_drawing_reads_nothing_but_what_was_extracted(name, store):
    assert isinstance(figures[name].picture(figures[name].extract(store, Options())), Figure)


@pytest.mark.parametrize("form", list(FIRST_BYTES))
def test_file_is_written_whole_and_alone(name, store, tmp_path, form):
    figure(store, name, tmp_path / f"figure.{form}", data=False)
    assert [p.name for p in tmp_path.iterdir()] == [f"figure.{form}"]
    content = (tmp_path / f"figure.{form}").read_bytes()
    assert content.startswith(FIRST_BYTES[form])
    assert len(content) > 5000


def test_numbers_it_shows_stand_beside_it(name, store, tmp_path):
    figure(store, name, tmp_path / "figure.pdf")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["figure.csv", "figure.parquet", "figure.pdf"]
    written, read = pd.read_parquet(tmp_path / "figure.parquet"), pd.read_csv(tmp_path / "figure.csv")
    assert list(read.columns) == list(written.columns)
    assert len(read) == len(written) > 1
    assert written.columns[0] == "part"
    assert written.drop(columns="part").notna().any(axis=1).all()
    numbers = written.select_dtypes("number")
    assert np.isfinite(numbers.to_numpy(dtype=float)).any()


@pytest.mark.parametrize("form", list(FIRST_BYTES))
def test_same_data_give_the_same_bytes(name, store, tmp_path, form):
    for file in ("first", "second"):
        figure(store, name, tmp_path / f"{file}.{form}")
    assert (tmp_path / f"first.{form}").read_bytes() == (tmp_path / f"second.{form}").read_bytes()


def test_text_can_be_edited_and_its_fonts_travel_along(name, store, tmp_path):
    figure(store, name, tmp_path / "figure.pdf", data=False)
    written = (tmp_path / "figure.pdf").read_bytes()
    assert b"/FontFile2" in written
    assert b"/Subtype /Type3" not in written
    figure(store, name, tmp_path / "figure.svg", data=False)
    assert b"<text" in (tmp_path / "figure.svg").read_bytes()


def test_settings_of_matplotlib_are_left_as_they_were(name, store, tmp_path):
    before = dict(mpl.rcParams)
    figure(store, name, tmp_path / "figure.png")
    figure(store, name)
    assert dict(mpl.rcParams) == before


def test_figure_that_is_returned_keeps_the_house_style(name, store):
    drawn = figure(store, name)
    fonts = {text.get_fontfamily()[0] for ax in drawn.axes for text in (*ax.get_xticklabels(), *ax.get_yticklabels())}
    assert fonts == {"STIXGeneral"}


@pytest.mark.parametrize("target", ["folder.png", "file/figure.png"])
def test_unwritable_target_is_one_error_and_leaves_nothing(name, store, tmp_path, target):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("a file")
    with pytest.raises(AnalysisError, match="could not be written"):
        figure(store, name, tmp_path / target)
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")) == ["file", "folder.png"]


def test_a_failed_drawing_leaves_the_older_file(name, store, tmp_path):
    (tmp_path / "figure.png").write_bytes(b"older")
    with pytest.raises(ExplorerError):
        figure(store, name, tmp_path / "figure.png", where="rate > 9")
    assert (tmp_path / "figure.png").read_bytes() == b"older"


@pytest.mark.parametrize("file", ["figure.jpg", "figure"])
def test_unknown_formats_are_refused(name, store, tmp_path, file):
    with pytest.raises(AnalysisError, match=r"ends in \.png, \.pdf or \.svg"):
        figure(store, name, tmp_path / file)
    assert not list(tmp_path.iterdir())


def test_store_without_cells_is_refused(name, tmp_path):
    with pytest.raises(AnalysisError, match="no cells"):
        figure(make(tmp_path, []), name)


def test_unknown_figure_is_refused_with_the_nearest():
    with pytest.raises(ExplorerError, match='Did you mean "phase_diagram"'):
        figure("nowhere", "phase_diagramm")


def test_it_is_a_column_or_a_page_wide_and_no_higher_than_a_page(name, store):
    width, height = figures[name].size(figures[name].extract(store, Options()))
    assert width in (COLUMN_INCHES, PAGE_INCHES)
    assert height <= 9.2


@pytest.mark.parametrize("rate", [(1.0,), (0.25, 0.5, 1.0)], ids=["one panel", "several"])
def test_legends_and_texts_stand_inside_the_figure(name, tmp_path, rate):
    members = FITTING.get(name, cells)(rate=rate)
    drawn = figure(make(tmp_path, members, minimizers=True, study=STUDIES.get(name, "")), name)
    shown = drawn.findobj(Legend)
    for ax in drawn.axes:
        shown += [*ax.texts, ax.title, ax.xaxis.label, ax.yaxis.label] if ax.axison else []
    for artist in shown:
        if isinstance(artist, Text) and not artist.get_text():
            continue
        box = artist.get_window_extent()
        assert -2 <= box.x0 <= box.x1 <= drawn.bbox.x1 + 2, artist
        assert -2 <= box.y0 <= box.y1 <= drawn.bbox.y1 + 2, artist
