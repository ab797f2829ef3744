"""The report as a file: whole, self-contained, the same for the same store, and refused with a reason."""

import json
import re
import sys

import pytest

from explorer.errors import AnalysisError, StoreError
from explorer.report import View, write_report
from explorer.report.boundaries import read_boundaries
from explorer.report.columns import read_cells
from explorer.report.contents import contents
from explorer.report.page import json_text, library
from tests.figures.stores import SEARCH, cells, make, outcome, searching, zoo
from tests.report.stores import members, publish, rows


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return publish(tmp_path_factory.mktemp("store"), members())


def held(path):
    """The data that a page holds."""
    return json.loads(re.search(r'id="page-data">(.*?)</script>', path.read_text(), re.DOTALL)[1])


def test_same_store_gives_the_same_bytes(store, tmp_path):
    for name in ("first.html", "second.html"):
        write_report(store, tmp_path / name)
    assert (tmp_path / "first.html").read_bytes() == (tmp_path / "second.html").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["first.html", "second.html"]


def test_a_file_says_what_it_leaves_out(store, tmp_path):
    said = write_report(store, tmp_path / "small.html", budget=0.01).left_out
    assert re.search(r"of \d+ of 48 cells", said)
    assert "explorer serve" in said
    assert held(tmp_path / "small.html")["left_out"] == said
    assert write_report(store, tmp_path / "whole.html").left_out == ""


def test_boundaries_have_rows_for_each_rate_with_the_theory_beside_them(store):
    found = read_boundaries(read_cells(store))
    assert (found.along, found.by) == ("sparsity", ("rate",))
    assert {(tuple(row["at"]), row["estimator"]) for row in found.rows} == {
        ((rate,), name) for rate in (0, 1) for name in ("switch", "crossing")
    }
    assert [row["critical"] for row in found.theory] == pytest.approx([2 / 3.141592653589793] * 2)
    crossing = next(row for row in found.rows if row["estimator"] == "crossing")
    assert crossing["low"] <= crossing["critical"] <= crossing["high"]


def test_boundaries_of_too_many_combinations_are_left_out_and_counted(tmp_path, monkeypatch):
    store = publish(tmp_path, members(base=("rademacher", "gaussian"), rate=(0.5, 0.75, 1.0)))
    cells = read_cells(store)
    whole = read_boundaries(cells)
    monkeypatch.setattr("explorer.report.boundaries.MOST_GROUPS", 4)
    few = read_boundaries(cells)
    at = list(dict.fromkeys(tuple(row["at"]) for row in few.rows))
    assert (whole.by, whole.note, len(whole.rows)) == (("base", "rate"), "", 12)
    assert at == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert few.rows == [row for row in whole.rows if tuple(row["at"]) in at]
    assert "Boundaries of 4 of 6 combinations of base, rate" in few.note
    assert "; 2 are left out" in few.note
    assert few.theory == whole.theory


@pytest.mark.parametrize(
    ("members", "status"),
    [
        (cells(0.5, 1.0, init="random", seed=0), "converged"),
        (cells(rate=1.0, init="random"), "converged"),
        (cells(rate=(0.5, 1.0)), "failed"),
        (cells(rate=(0.5, 1.0)), "diverged"),
        (cells(0.5, 1.0, ("rademacher", "laplace"), "random", architecture=("two_layer", "denoiser")), "converged"),
        (zoo(), "converged"),
        (searching(), "converged"),
    ],
    ids=["one cell", "one axis", "all failed", "all diverged", "names", "zoo", "search"],
)
def test_any_store_with_cells_has_a_page(tmp_path, members, status):
    store = make(tmp_path / "store", members, status=status, study=SEARCH if len(members) == len(searching()) else "")
    assert write_report(store, tmp_path / "report.html").cells > 0


def test_an_empty_store_is_refused_and_has_data_for_a_live_page(tmp_path):
    store = make(tmp_path / "store", [])
    with pytest.raises(AnalysisError, match="no cells; run the study first"):
        write_report(store, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
    assert contents(store, View())["keys"] == []


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (View(where="rate > 9"), "no cells where rate > 9"),
        (View(where="nonsense > 9"), "nonsense"),
        (View(x="sparsty"), 'Did you mean "sparsity"'),
        (View(x="rate", y="rate"), "two different settings"),
        (View(value="lss"), 'Did you mean "loss"'),
        (View(along="init"), "expected one of"),
    ],
)
def test_a_view_that_does_not_fit_is_one_error(store, tmp_path, view, said):
    with pytest.raises((AnalysisError, StoreError), match=re.escape(said)):
        write_report(store, tmp_path / "report.html", view)
    assert not list(tmp_path.iterdir())


def test_an_unwritable_target_is_one_error(store, tmp_path):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(AnalysisError, match="could not be written"):
        write_report(store, tmp_path / "folder.html")


def test_without_the_library_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(AnalysisError, match=re.escape("explorer[report]")):
        library.__wrapped__()


def test_names_of_a_store_are_shown_without_secrets(store, monkeypatch):
    monkeypatch.setattr(store.files, "name", "s3://***@bucket/study?secret=***")
    assert contents(store, View())["replay"] == "explorer replay 's3://***@bucket/study?secret=***'"


def test_json_in_a_page_is_no_markup_and_no_line_of_javascript():
    text = json_text({"a": "</script><!--&\u2028\u2029"})
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == {"a": "</script><!--&\u2028\u2029"}


def test_values_that_no_json_has_are_no_levels(tmp_path):
    found = rows(members(), lambda cell: {**outcome(cell), "loss": float("nan")})
    store = publish(tmp_path, members(), found)
    assert "loss" not in {value["name"] for value in contents(store, View())["values"]}
