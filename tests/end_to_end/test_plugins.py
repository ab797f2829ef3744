"""`--plugin FILE`: a study names what a file registers, and the workers have it too."""

import json
import re
from pathlib import Path

import pytest

from explorer import open_store
from tests.end_to_end.conftest import call
from tests.test_contributing import EXAMPLES

STUDY = """\
name: own
axes:
  source: noisy_signs
  noise_share: [0.2, 0.8]
  rate: 0.5
  architecture: soft_threshold
  dimension: 8
  seed: {count: 2}
training: {steps: 40, batch: 32, evaluation_samples: 512}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "own.yaml").write_text(STUDY)
    for kind in ("source", "architecture", "observable", "figure", "estimator"):
        (folder / f"{kind}.py").write_text(EXAMPLES[kind])
    return folder


@pytest.fixture(scope="module")
def given(place) -> list[object]:
    return [part for kind in ("source", "architecture", "observable") for part in ("--plugin", place / f"{kind}.py")]


@pytest.fixture(scope="module")
def store(place, given) -> Path:
    done = call("run", place / "own.yaml", "--out", place / "store", *given)
    assert done.returncode == 0, done.stderr
    return place / "store"


def test_a_study_of_an_own_source_and_architecture_runs_in_the_workers(store):
    table = open_store(store).to_pandas()
    assert len(table) == 4
    assert set(table["status"]) <= {"converged", "budget"}
    assert table["coherence"].between(0, 1).all()
    named = table["plugins"].unique().tolist()
    assert len(named) == 1
    assert re.fullmatch(r"source\.py:\w{12} architecture\.py:\w{12} observable\.py:\w{12}", named[0])


def test_without_its_plugins_the_study_is_refused(place):
    done = call("plan", place / "own.yaml")
    assert done.returncode == 2
    assert "axes.noise_share: unknown setting" in done.stderr


def test_plan_and_replay_take_them_too(place, store, given):
    planned = call("plan", place / "own.yaml", "--out", store, *given, "--format", "json")
    assert json.loads(planned.stdout)[0]["done"] == 4
    key = open_store(store).to_pandas()["cell_key"][0]
    replayed = call("replay", store, key, *given)
    assert "identical to the last bit" in replayed.stderr, replayed.stderr
    refused = call("replay", store, key)
    assert (refused.returncode, "expected --plugin FILE" in refused.stderr) == (2, True), refused.stderr


def test_replay_tells_an_edited_plugin_from_the_one_that_made_the_row(place, store, given):
    key = open_store(store).to_pandas()["cell_key"][0]
    (place / "edited").mkdir()
    edited = place / "edited" / "source.py"
    edited.write_text(EXAMPLES["source"] + "\n# edited\n")
    replayed = call("replay", store, key, "--plugin", edited, *given[2:])
    assert replayed.returncode == 0, replayed.stderr
    assert "not identical" in replayed.stderr


def test_figure_and_boundary_take_them_too(place, store):
    drawn = call("figure", store, "loss_histogram", "--plugin", place / "figure.py", "--out", place / "losses.png")
    assert drawn.returncode == 0, drawn.stderr
    fitted = call(
        *("boundary", store, "--along", "noise_share", "--order", "coherence"),
        *("--estimator", "halfway", "--plugin", place / "estimator.py", "--format", "json"),
    )
    assert fitted.returncode == 0, fitted.stderr
    assert json.loads(fitted.stdout)[0]["estimator"] == "halfway"


def test_a_bad_plugin_ends_the_command_with_its_line(place):
    (place / "bad.py").write_text("import nothing_of_this_name\n")
    done = call("run", place / "own.yaml", "--plugin", place / "bad.py", "--out", place / "never")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(r"error: plug-in .*bad\.py:1: ModuleNotFoundError", done.stderr)
    assert not (place / "never").exists()


DRIVER_ONLY = '''\
"""A source whose file needs what only the driver has."""
import sys

from explorer.sources import sources
from explorer.sources.gaussian import Gaussian

if "default_worker" in sys.argv[0]:
    import no_such_package


@sources.register("mine")
class Mine(Gaussian):
    pass
'''


@pytest.mark.chaos_full
def test_a_file_that_loads_on_the_driver_alone_leaves_cells_missing_and_says_why(tmp_path):
    (tmp_path / "mine.py").write_text(DRIVER_ONLY)
    (tmp_path / "own.yaml").write_text(
        "name: own\naxes: {source: mine, rate: 0.5, architecture: linear, dimension: 4}\ntraining: {steps: 2}\n"
    )
    done = call("run", tmp_path / "own.yaml", "--out", tmp_path / "store", "--plugin", tmp_path / "mine.py")
    assert done.returncode == 3
    assert "mine.py:8: ModuleNotFoundError: No module named 'no_such_package'" in done.stderr
    assert "1 cells are missing" in done.stderr
    assert len(open_store(tmp_path / "store").to_pandas()) == 0
