"""From a name to files, by the program."""

import dataclasses

import pytest

from explorer.errors import ExplorerError
from explorer.paper import make, papers
from tests.end_to_end.conftest import call
from tests.figures.stores import cells
from tests.figures.stores import make as stored


def test_draws_what_a_store_has_without_training(tmp_path):
    stored(tmp_path / "store", cells(rate=(0.5, 1.0), dimension=8))
    done = call(
        "paper", "rates", "--draw-only", "--out", tmp_path / "store", "--figures", tmp_path / "figures", "--as", "svg"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(papers["rates"].title)
    names = sorted(p.name for p in (tmp_path / "figures").iterdir())
    assert names == ["rates.caption.txt", "rates.csv", "rates.parquet", "rates.svg"]


def test_lists_every_figure_with_its_sizes():
    done = call("paper", "--format", "csv")
    assert done.returncode == 0, done.stderr
    rows = [line.split(",") for line in done.stdout.splitlines()]
    assert [row[0] for row in rows[1:]][:2] == ["gaussian", "activations"]
    assert {row[0] for row in rows[1:]} == set(papers)


def test_prints_citations():
    done = call("paper", "decoders", "--bib")
    assert done.returncode == 0, done.stderr
    assert "@inproceedings{koegler2024compression," in done.stdout
    assert "@inproceedings{venkataramanan2022estimation," in done.stdout
    assert "krizhevsky" not in done.stdout


def test_runs_its_study_draws_and_goes_on(tmp_path, monkeypatch):
    (tmp_path / "rates.quick.yaml").write_text(
        "name: paper-rates-quick\naxes: {source: sparse, architecture: two_layer, sparsity: [0.3, 0.5, 0.7, 0.9],\n"
        "  rate: [0.5, 1.0], dimension: 8, init: [random, identity], seed: {count: 2}}\n"
        "training: {steps: 20, batch: 16, evaluation_samples: 128}\n"
    )
    monkeypatch.setitem(papers._members, "rates", dataclasses.replace(papers["rates"], studies=tmp_path))
    made = make("rates", out=str(tmp_path / "store"), form="png", progress=False)
    assert made.summary is not None
    assert made.summary.complete
    assert made.summary.trained == 32
    assert made.picture.name == "rates.png"
    assert made.caption.count("32 cells") == 1
    again = make("rates", out=str(tmp_path / "store"), form="png", progress=False)
    assert again.summary is not None
    assert again.summary.trained == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"form": "jpg"}, 'found the format "jpg", expected one of png, pdf, svg'),
        ({"size": "tiny"}, 'found the size "tiny", expected one of quick, full'),
        ({"out": "s3://bucket/store"}, "expected where to write the figures, with --figures DIR"),
    ],
)
def test_what_cannot_be_made_is_refused_before_any_training(arguments, message):
    with pytest.raises(ExplorerError, match=message):
        make("rates", **arguments)
