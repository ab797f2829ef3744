"""What every published figure must do: its studies are sound, its pictures are drawn from a reduced grid, its caption is true."""

import re

import pandas as pd
import pytest
import yaml

from explorer.errors import ExplorerError
from explorer.figures import figures
from explorer.paper import draw, papers
from explorer.paper.caption import TOOLS
from explorer.paper.references import bibtex
from explorer.study import Study
from tests.paper.reduced import image_files, reduced, size_of, trained


@pytest.fixture(params=list(papers))
def name(request):
    return request.param


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return image_files(tmp_path_factory.mktemp("data"))


@pytest.fixture(autouse=True)
def files(monkeypatch, data):
    monkeypatch.setenv("EXPLORER_DATA", str(data))


@pytest.mark.parametrize("size", ["quick", "full"])
def test_both_sizes_are_studies_of_their_own_name(name, size):
    text = papers[name].study_file(name, size).read_text()
    study = Study(text, f"{name}.{size}.yaml")
    assert study.name == f"paper-{name.replace('_', '-')}-{size}"
    assert study.points >= (300 if size == "full" else 30) or name == "digits"


def test_full_is_larger_than_quick(name):
    sizes = [yaml.safe_load(papers[name].study_file(name, size).read_text()) for size in ("quick", "full")]
    quick, full = (document["axes"]["seed"]["count"] for document in sizes)
    assert full > quick
    assert full >= 5


def test_its_parts_are_registered_figures(name):
    assert all(drawing.figure in figures for drawing in papers[name].drawings)


def test_it_cites_what_is_in_the_bibliography(name):
    found = bibtex((*papers[name].cites, *TOOLS))
    assert found.count("\n}") == len({*papers[name].cites, *TOOLS})


def test_a_reduced_grid_is_trained_and_drawn(name, tmp_path):
    text = reduced(papers[name].study_file(name, "quick").read_text())
    store = trained(text, tmp_path / "store")
    picture, caption = draw(name, store, tmp_path / "figures", "png")
    width, height = size_of(picture)
    assert width > 900
    assert height > 500
    numbers = pd.read_parquet(picture.with_suffix(".parquet"))
    assert len(numbers) > 3
    parts = len(papers[name].drawings)
    assert parts == 1 or {part[0] for part in numbers["part"]} == set("abcde"[:parts])
    assert picture.with_suffix(".caption.txt").read_text() == f"{caption}\n"
    assert caption.startswith(papers[name].title)
    assert all(drawing.says in caption for drawing in papers[name].drawings)
    assert "2 seeds" in caption
    assert re.search(r"explorer \d+\.\d+", caption)


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(ExplorerError, match='Did you mean "transition"'):
        papers["transitoin"]


def test_unknown_keys_are_refused_with_the_nearest():
    with pytest.raises(ExplorerError, match='Did you mean "moritz2018ray"'):
        bibtex(["moritz2018rey"])
