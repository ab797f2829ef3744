"""What a user does, on s3://: every command, over a store that a killed run began; no secret is shown or kept."""

import json

import pytest
from typer.testing import CliRunner

from explorer import open_store
from explorer.cli import app
from explorer.engine import plan_study
from explorer.engine.job import PackJob
from explorer.sections import Keep
from explorer.store import StoreWriter
from explorer.store.files import Files
from explorer.store.parts import MERGED
from explorer.study import load_study

SECRET = "wJalrXUtnFEMI"
STUDY = """\
name: small
axes:
  source: sparse
  sparsity: {from: 0.3, to: 1.0, count: 4}
  rate: 0.5
  architecture: two_layer
  dimension: 8
  init: [random, identity]
  seed: {count: 2}
training: {steps: 40, batch: 32, evaluation_samples: 512}
keep: {curves: true, minimizers: true}
resources: {cells_per_pack: 2}
"""
CELLS = 16


def call(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def ran(endpoint, tmp_path_factory):
    """A study whose first pack an earlier run published, run to its end: file, URI with a secret in it, rows before, what was said."""
    endpoint.fail(0)
    endpoint.deny("")
    study = tmp_path_factory.mktemp("s3") / "small.yaml"
    study.write_text(STUDY)
    uri = endpoint.uri("studies/commands", f"AKIAEXAMPLE:{SECRET}")
    with pytest.MonkeyPatch.context() as patched:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patched.delenv(name)
        patched.setattr("explorer.engine.upkeep.MOST_PARTS", 2)
        patched.setattr("explorer.engine.upkeep.LOOK_EVERY_SECONDS", 0.2)
        StoreWriter(uri).create()
        job = PackJob(plan_study(load_study(study), uri).packs[0], uri, Keep(curves=True, minimizers=True))
        while not job.published:
            job.advance(1.0)
        begun = open_store(uri).to_pandas()
        done = call("run", study, "--out", uri)
        assert done.exit_code == 0, done.output
        yield study, uri, begun, done


def test_a_run_goes_on_where_another_stopped_and_every_cell_is_there_once(ran):
    study, uri, begun, done = ran
    assert 0 < len(begun) < CELLS
    assert f"{CELLS} of {CELLS} cells, {CELLS - len(begun)} trained now" in done.output
    table = open_store(uri).to_pandas()
    assert len(table) == CELLS
    assert table["cell_key"].is_unique
    assert table.set_index("cell_key").loc[begun["cell_key"], "loss"].tolist() == begun["loss"].tolist()
    again = call("run", study, "--out", uri)
    assert f"{CELLS} of {CELLS} cells, 0 trained now" in again.output


def test_a_run_merges_parts_while_it_goes_on(ran):
    _, uri, _, _ = ran
    files = Files(uri)
    assert any(f"/{MERGED}" in path for path in files.listing("cells", ".parquet"))
    assert open_store(uri).parts < CELLS // 2


def test_every_reading_command_answers(ran, tmp_path):
    study, uri, _, _ = ran
    [planned] = json.loads(call("plan", study, "--out", uri, "--format", "json").stdout)
    assert (planned["done"], planned["missing"]) == (CELLS, 0)
    [status] = json.loads(call("status", uri, "--format", "json").stdout)
    assert (status["done"], status["missing"], status["state"]) == (CELLS, 0, "finished")
    asked = call("query", uri, "SELECT count(DISTINCT cell_key) AS n FROM curves SEMI JOIN minimizers USING (cell_key)")
    assert str(CELLS) in asked.stdout
    assert call("boundary", uri, "--along", "sparsity").exit_code == 0
    drawn = call("figure", uri, "loss_curves", "--out", tmp_path / "curves.png")
    assert drawn.exit_code == 0, drawn.output
    assert (tmp_path / "curves.png").stat().st_size > 0
    key = open_store(uri).to_pandas()["cell_key"][0]
    assert "identical to the last bit" in call("replay", uri, key).output


def test_compact_leaves_the_same_rows(ran):
    _, uri, _, _ = ran
    before = open_store(uri).arrow()
    assert call("compact", uri, "--grace", "0").exit_code == 0
    assert open_store(uri).parts == 1
    assert open_store(uri).arrow().equals(before)


def test_a_secret_in_the_uri_is_neither_said_nor_stored(ran):
    study, uri, _, done = ran
    said = [done.output, call("status", uri).output, call("plan", study, "--out", uri).output]
    said.append(call("status", uri.replace("commands", "nowhere")).output)
    said.append(call("status", f"{uri}&bogus=1").output)
    assert "***@studies/nowhere" in said[3]
    files = Files(uri)
    stored = b"".join(
        files.read_all([path for folder in ("", "runs", "studies") for path in files.listing(folder, "")])
    )
    assert len(stored) > 0
    assert not any(SECRET in text for text in said)
    assert SECRET.encode() not in stored


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("results/a", "results/a"),
        ("s3://bucket/a?region=eu-west-1", "s3://bucket/a?region=eu-west-1"),
        ("s3://key:secret@bucket/a?scheme=http", "s3://***@bucket/a?scheme=http"),
        ("abfss://container:secret@account.dfs.core.windows.net/a", "abfss://container:***@account.dfs.core.windows.net/a"),
        ("abfss://container@account.dfs.core.windows.net/a?sig=s", "abfss://container@account.dfs.core.windows.net/a?sig=***"),
        ("gs://anonymous@bucket/a", "gs://anonymous@bucket/a"),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_its_secrets(address, shown):
    from explorer.store import addresses

    assert addresses.shown(address) == shown


def test_a_report_of_it_holds_no_secret(ran, tmp_path):
    _, uri, _, _ = ran
    done = call("report", uri, "--out", tmp_path / "report.html")
    assert done.exit_code == 0, done.output
    page = (tmp_path / "report.html").read_text()
    assert SECRET not in page + done.output
    assert "explorer replay 's3://***@" in page
