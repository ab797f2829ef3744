"""Every notebook runs on a store, and is kept without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=nbformat.NO_CONVERT)


def test_there_are_notebooks():
    assert NOTEBOOKS


def test_notebook_is_valid_and_kept_without_outputs(notebook):
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_notebook_runs_and_shows_its_tables_and_figures(notebook, small, tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_STORE", str(small[1]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    drawn = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.startswith("figure(")]
    NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()  # raises where a cell does
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in shown if output.output_type in ("error", "stream")]
    assert any("text/html" in output.data for output in shown)
    for cell in drawn:
        assert [output for output in cell.outputs if "image/png" in output.data]
    assert drawn
