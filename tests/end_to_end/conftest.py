"""The program as its user calls it: a process, its exit code, what it printed."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from explorer.cli import app

PROGRAM = [sys.executable, "-m", "explorer.cli"]

SMALL = """\
name: small
axes:
  source: sparse
  sparsity: {sparsity}
  rate: [0.5, 1.0]
  architecture: two_layer
  dimension: 16
  init: [random, identity]
  seed: {{count: 2}}
training: {{steps: {steps}, batch: 64, evaluation_samples: 2048}}
keep: {{curves: true, minimizers: true}}
resources: {{cells_per_pack: {pack}}}
"""


def call(*arguments: object, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, env=environment, check=False
    )


def call_here(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The same command in this process, seconds sooner, for what is not about the process; what it raises is raised here."""
    words = [str(argument) for argument in arguments]
    done = CliRunner().invoke(app, words, catch_exceptions=False, env={"COLUMNS": "200"})
    return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)


def start(*arguments: object) -> subprocess.Popen[str]:
    """The program in a process group of its own, as a shell starts it."""
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def small_study(path: Path, sparsity="{from: 0.3, to: 1.0, count: 8}", steps=150, pack="auto") -> Path:
    path.write_text(SMALL.format(sparsity=sparsity, steps=steps, pack=pack))
    return path


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A small study that was run once, for all processes of the tests: its file, its store, and what the run printed."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "small"
    place.mkdir(exist_ok=True)
    study, said = place / "small.yaml", place / "said.json"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            done = call("run", small_study(study), "--out", place / "store")
            assert done.returncode == 0, done.stderr
            said.write_text(json.dumps([done.args, done.returncode, done.stdout, done.stderr]))
    return study, place / "store", subprocess.CompletedProcess(*json.loads(said.read_text()))
