"""Every notebook runs in an empty directory, on studies of its own, and is kept without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

PLACE = Path(__file__).parents[2]
NOTEBOOKS = sorted((PLACE / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Shared by all of them, so that what one has trained the next does not train again."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=nbformat.NO_CONVERT)


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks_for_each_task():
    assert [path.stem for path in NOTEBOOKS] == ["01_query", "02_figures", "03_extend", "04_cluster"]


def test_notebook_is_valid_and_kept_without_outputs(notebook):
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in code_of(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_notebook_runs_and_shows_its_tables_and_figures(notebook, place, tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    # raises where a cell does
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(place)}}).execute()
    shown = [output for cell in code_of(notebook) for output in cell.outputs]
    assert not [output for output in shown if output.output_type == "error"]
    assert not [output.text for output in shown if output.output_type == "stream" and output.name == "stderr"]
    pictures = [output for output in shown if "image/png" in output.get("data", {})]
    drawn = [cell for cell in code_of(notebook) if cell.source.rstrip().endswith(("drawn", '"phase_diagram")'))]
    assert len(pictures) == len(drawn)
    if not drawn:
        assert any("text/html" in output.get("data", {}) for output in shown)
