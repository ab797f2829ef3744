"""A store of many files says how to make them few."""

from typer.testing import CliRunner

from explorer.cli import app
from explorer.store import StoreWriter
from explorer.study import load_study
from tests.store.parts import outcomes


def test_run_that_leaves_many_files_names_compact(tmp_path, monkeypatch):
    text = "name: few\naxes: {source: sparse, architecture: two_layer, dimension: 8, rate: 1.0, sparsity: 0.5, seed: {count: 3}}\n"
    (tmp_path / "few.yaml").write_text(text)
    writer = StoreWriter(str(tmp_path / "store"))
    writer.create()
    for i, cell in enumerate(load_study(tmp_path / "few.yaml").cells):
        writer.publish(f"p{i}", outcomes([cell], f"p{i}"))
    asked = ["run", str(tmp_path / "few.yaml"), "--out", str(tmp_path / "store")]
    assert "explorer compact" not in CliRunner().invoke(app, asked).output
    monkeypatch.setattr("explorer.cli.running.MANY_PARTS", 3)
    assert f"3 files of cells; explorer compact {tmp_path}/store" in CliRunner().invoke(app, asked).output
