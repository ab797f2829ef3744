"""From a study file to figures, through the command line only."""

import io
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

from explorer import open_store
from tests.end_to_end.conftest import call, call_here, small_study

CELLS = 8 * 2 * 2 * 2


def test_run_prints_nothing_on_stdout_and_says_what_it_did(small):
    _, store, done = small
    assert done.stdout == ""
    assert f"{CELLS} of {CELLS} cells, {CELLS} trained now" in done.stderr
    assert "0 diverged, 0 failed" in done.stderr
    assert "ray" not in done.stderr.lower()
    assert "Traceback" not in done.stderr
    logs = list((store / "logs").glob("*.log"))
    assert len(logs) == 1
    assert "finished" in logs[0].read_text()


def test_every_cell_is_there_once_with_every_column_of_the_contract(small):
    table = open_store(small[1]).to_pandas()
    assert len(table) == CELLS
    assert table["cell_key"].is_unique
    promised = [
        "cell_key", "status", "error", "sparsity", "rate", "base", "seed", "dimension", "init", "architecture",
        "activation", "tied", "source", "learning_rate", "surrogate_width", "steps", "batch", "optimizer",
        "schedule", "evaluation_samples", "code_dimension", "loss", "loss_se", "localization", "peak",
        "permutation_distance", "orthogonality", "haar_distance", "coverage", "tying", "frame_defect", "steps_taken",
        "seconds", "explorer_version", "torch_version", "ray_version", "git_revision", "plugins", "host", "device",
        "finished_at",
    ]  # fmt: skip
    assert set(promised) <= set(table.columns)
    assert table["loss"].notna().all()
    assert set(table["status"]) <= {"converged", "budget"}


def test_plan_tells_done_from_missing_and_trains_nothing(small, tmp_path):
    study, store, _ = small
    before = sorted(p.name for p in store.rglob("*"))
    row = json.loads(call_here("plan", study, "--out", store, "--format", "json").stdout)[0]
    assert (row["cells"], row["done"], row["missing"], row["packs"]) == (CELLS, CELLS, 0, 0)
    fresh = json.loads(call_here("plan", study, "--out", tmp_path / "none", "--format", "json").stdout)[0]
    assert (fresh["done"], fresh["missing"]) == (0, CELLS)
    assert fresh["packs"] >= 2
    assert fresh["estimated_seconds"] > 0
    assert not (tmp_path / "none").exists()
    assert sorted(p.name for p in store.rglob("*")) == before


def test_running_again_trains_nothing(small):
    study, store, _ = small
    parts = sorted((store / "cells").iterdir())
    again = call("run", study, "--out", store)
    assert again.returncode == 0
    assert "0 trained now" in again.stderr
    assert sorted((store / "cells").iterdir()) == parts


def test_adding_values_to_an_axis_adds_only_the_new_cells(small, tmp_path):
    study = small_study(tmp_path / "one.yaml", sparsity="[0.5]")
    first = call("run", study, "--out", tmp_path / "store")
    assert first.returncode == 0, first.stderr
    old = open_store(tmp_path / "store").to_pandas()
    small_study(study, sparsity="[0.5, 0.55]")
    second = call("run", study, "--out", tmp_path / "store")
    assert "16 of 16 cells, 8 trained now" in second.stderr
    store = open_store(tmp_path / "store")
    new = store.to_pandas()
    kept = new[new["cell_key"].isin(old["cell_key"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, old)
    assert set(new[~new["cell_key"].isin(old["cell_key"])]["sparsity"]) == {0.55}
    assert len(store.study_texts()) == 2


def test_status_counts_the_cells_of_the_study(small):
    row = json.loads(call_here("status", small[1], "--format", "json").stdout)[0]
    assert (row["planned"], row["done"], row["missing"], row["failed"]) == (CELLS, CELLS, 0, 0)
    assert row["state"] == "finished"


@pytest.mark.parametrize(("form", "called"), [("table", call_here), ("csv", call), ("json", call_here)])
def test_query_answers_in_every_format(small, form, called):
    sql = "SELECT rate, count(*) AS n, avg(loss) AS loss FROM cells GROUP BY rate ORDER BY rate"
    done = called("query", small[1], sql, "--format", form)
    assert done.returncode == 0
    assert done.stderr == ""
    read = {"csv": pd.read_csv, "json": pd.read_json, "table": lambda f: pd.read_csv(f, sep=r"\s+")}[form]
    frame = read(io.StringIO(done.stdout))
    assert frame["rate"].tolist() == [0.5, 1.0]
    assert frame["n"].tolist() == [CELLS // 2] * 2


def test_query_writes_parquet_and_joins_curves_and_minimizers(small, tmp_path):
    sql = """SELECT sparsity, max(step) AS last, count(DISTINCT name) AS names
             FROM cells JOIN curves USING (cell_key) JOIN minimizers USING (cell_key) GROUP BY sparsity"""
    done = call_here("query", small[1], sql, "--out", tmp_path / "answer.parquet")
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "answer.parquet").to_pandas()
    assert set(table["last"]) == {150}
    assert set(table["names"]) == {2}


@pytest.mark.parametrize("estimator", ["switch", "crossing"])
def test_boundary_gives_the_promised_columns(small, estimator):
    done = call_here(
        "boundary", small[1], "--along", "sparsity", "--by", "rate,base", "--estimator", estimator, "--format", "csv"
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(io.StringIO(done.stdout))
    promised = ["rate", "base", "estimator", "critical", "low", "high", "width", "theory", "seeds", "note"]
    assert list(table.columns[: len(promised)]) == promised
    assert table["rate"].tolist() == [0.5, 1.0]
    assert set(table["estimator"]) == {estimator}
    absent = table["critical"].isna()
    assert table.loc[absent, "note"].str.len().gt(0).all()


@pytest.mark.parametrize(("name", "suffix"), [("phase_diagram", "png"), ("loss_curves", "pdf"), ("minimizers", "svg")])
def test_figures_are_written_in_every_format(small, tmp_path, name, suffix):
    out = tmp_path / f"{name}.{suffix}"
    done = call_here("figure", small[1], name, "--out", out)
    assert done.returncode == 0, done.stderr
    start = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[suffix]
    assert out.read_bytes().startswith(start)
    assert out.stat().st_size > 5_000


def test_replay_is_identical_to_the_last_bit(small):
    store = open_store(small[1])
    key = store.sql(
        "SELECT cell_key FROM cells WHERE sparsity = 0.6 AND rate = 1 AND init = 'random' AND seed = 1"
    ).column(0)[0]
    done = call("replay", small[1], key, "--format", "json")
    assert done.returncode == 0, done.stderr
    assert "identical to the last bit" in done.stderr
    rows = json.loads(done.stdout)
    assert {row["column"] for row in rows} >= {"status", "loss", "loss_se", "localization"}
    assert all(row["stored"] == row["replayed"] for row in rows)
