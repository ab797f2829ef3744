"""The program as its user calls it: a process, its exit code, what it printed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
    """A small study that was run once: its file, its store, and what the run printed."""
    place = tmp_path_factory.mktemp("small")
    study = small_study(place / "small.yaml")
    done = call("run", study, "--out", place / "store")
    assert done.returncode == 0, done.stderr
    return study, place / "store", done
