"""explorer theory: rows, formats, and one line for what cannot be answered."""

import io
import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from explorer.cli import app
from explorer.theory import CATALOGUE, denoiser_loss, multilayer_loss

COMPLETE = {
    "gaussian": ["--rate", "0.5,2"],
    "identity": ["--rate", "0.5", "--sparsity", "0.8"],
    "critical_sparsity": ["--base", "generalized_gaussian", "--shape", "3,4"],
    "mixed": ["--rate", "1", "--sparsity", "0.6,1"],
    "denoiser": ["--rate", "0.5", "--sparsity", "0.1"],
    "multilayer": ["--rate", "0.5", "--sparsity", "0.1", "--start", "uninformed,informed"],
    "rate_distortion": ["--rate", "0.5", "--sparsity", "0.1"],
    "pca": ["--rate", "0.5", "--eigenvalues", "4x3,1"],
    "reverse_waterfilling": ["--rate", "0.5", "--eigenvalues", "4,0.25"],
    "anisotropic": ["--rate", "1", "--eigenvalues", "4,0.25", "--activation", "sign,erf"],
}


def call(*arguments):
    return CliRunner().invoke(app, ["theory", *arguments])


def rows(*arguments):
    done = call(*arguments, "--format", "json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_every_name_has_a_case():
    assert set(COMPLETE) == set(CATALOGUE)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_name_gives_value_error_and_source(name):
    for row in rows(name, *COMPLETE[name]):
        assert isinstance(row["value"], float)
        assert 0 <= row["error"] <= 1e-3
        assert row["source"] == CATALOGUE[name].source
        assert set(CATALOGUE[name].arguments) <= set(row)
    table = call(name, *COMPLETE[name]).stdout
    assert len(table.splitlines()) == 1 + len(rows(name, *COMPLETE[name]))


def test_lists_make_an_outer_product_and_csv_holds_the_numbers_of_python():
    done = call(
        "denoiser", "--rate", "0.5,1", "--sparsity", "0.1, 0.5,1", "--base", "gaussian,laplace", "--format", "csv"
    )
    frame = pd.read_csv(io.StringIO(done.stdout))
    assert len(frame) == 12
    row = frame[(frame.rate == 1) & (frame.sparsity == 0.1) & (frame.base == "laplace")].iloc[0]
    assert row["value"] == pytest.approx(float(denoiser_loss(1, 0.1, "laplace")), rel=1e-12)


def test_shape_belongs_to_its_base_alone():
    found = rows("critical_sparsity", "--base", "uniform,generalized_gaussian", "--shape", "3,4")
    assert [(row["base"], row["shape"]) for row in found] == [
        ("uniform", None), ("generalized_gaussian", 3.0), ("generalized_gaussian", 4.0)
    ]  # fmt: skip


def test_mixed_tells_the_best_t():
    first, last = rows("mixed", "--rate", "1", "--sparsity", "0.6,1")
    assert first["t"] == pytest.approx(2.39, abs=0.01)
    assert last["t"] == "inf"


def test_multilayer_takes_layers_and_start():
    one, two = rows("multilayer", "--rate", "0.5", "--sparsity", "0.1", "--base", "gaussian", "--layers", "1,2")
    assert (one["layers"], two["layers"], one["start"]) == (1, 2, "uninformed")
    assert one["value"] == pytest.approx(float(denoiser_loss(0.5, 0.1, "gaussian")))
    assert two["value"] == pytest.approx(float(multilayer_loss(0.5, 0.1, "gaussian", layers=2)))
    hard = rows("multilayer", "--rate", "0.6", "--sparsity", "0.1", "--start", "uninformed,informed")
    assert hard[0]["value"] > 0.1
    assert hard[1]["value"] == 0


def test_eigenvalues_are_one_spectrum():
    (row,) = rows("pca", "--rate", "0.25", "--eigenvalues", "1,4x3")
    assert row["value"] == pytest.approx((4 + 4 + 1) / 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["multilayr", "--rate", "1"], 'Did you mean "multilayer"?'),
        (
            ["gaussian", "--rate", "1", "--sparsity", "0.5"],
            "--sparsity: gaussian does not take it; expected --rate, --activation",
        ),
        (["gaussian"], "--rate: missing"),
        (["pca", "--rate", "0.5"], "--eigenvalues: missing"),
        (["pca", "--rate", "0.5", "--eigenvalues", "4,x"], '--eigenvalues: found "x"'),
        (["pca", "--rate", "0.5", "--eigenvalues=-4"], "none negative"),
        (["denoiser", "--rate", "1.5", "--sparsity", "0.5"], "1.5 is outside [0, 1]"),
        (["denoiser", "--rate", "0.5", "--sparsity", "0"], "0.0 is outside (0, 1]"),
        (["denoiser", "--rate", "half", "--sparsity", "0.5"], '--rate: found "half", expected numbers'),
        (["denoiser", "--rate", "nan", "--sparsity", "0.5"], "nan is outside"),
        (["denoiser", "--rate", "0.5", "--sparsity", "0.5", "--base", "cauchy"], "expected one of rademacher"),
        (["denoiser", "--rate", "0.5", "--sparsity", "0.5", "--shape", "3"], "--base generalized_gaussian"),
        (["denoiser", "--rate", "0.5", "--sparsity", "0.5", "--base", "generalized_gaussian"], "positive shape"),
        (["multilayer", "--rate", "0.5", "--sparsity", "0.5", "--layers", "1.5"], "expected whole numbers"),
        (["multilayer", "--rate", "0.5", "--sparsity", "0.5", "--layers", "0"], "at least 1"),
        (["multilayer", "--rate", "0.5", "--sparsity", "0.5", "--start", "warm"], "uninformed"),
        (["gaussian", "--rate", "1", "--activation", "relu"], "expected one of sign, tanh"),
        (["gaussian", "--rate", "1", "--format", "xml"], 'found "xml"'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_answered_is_one_line_and_exit_code_two(arguments, message):
    done = call(*arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
