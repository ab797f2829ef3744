"""Faults that are really done: plug-ins that kill and hang, drivers and workers that are killed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from explorer import load_study
from explorer.cells import Pack
from explorer.training import PackRun

PROGRAM = [sys.executable, "-m", "explorer.cli"]
BITS = ["cell_key", "status", "loss", "loss_se", "localization", "tying", "coverage", "steps_taken"]

PLUGIN = '''\
"""An architecture whose starts do what plug-ins do at their worst."""

import os
import signal
import time

from explorer.architectures import architectures
from explorer.architectures.two_layer import TwoLayer


@architectures.register("deadly")
class Deadly(TwoLayer):
    inits = ("random", "kills", "hangs", "leaks", "raises")

    def initialise(self, init, generator):
        if init == "kills":
            os.kill(os.getpid(), signal.SIGKILL)
        if init == "raises":
            raise ValueError("this start raises")
        while init == "hangs":
            time.sleep(0.1)
        held = []
        while init == "leaks":
            held.append(bytearray(os.urandom(2**20)) * 16)
        super().initialise("random", generator)
'''

STUDY = """\
name: chaos
axes:
  source: sparse
  sparsity: {sparsity}
  architecture: {architecture}
  rate: 1.0
  dimension: {dimension}
  init: {init}
  seed: {seed}
training: {{steps: {steps}, batch: 16, evaluation_samples: 256}}
resources: {{cells_per_pack: {pack}, checkpoint_seconds: {every}, time_limit: {limit}}}
"""


def study_of(path: Path, **given) -> Path:
    """A study file; without a compiler (see `environment`) its steps cost about a millisecond for a pack."""
    settings = {
        "sparsity": "[0.3, 0.5, 0.7, 0.9]", "architecture": "two_layer", "dimension": 8, "init": "random", "seed": 0,
        "steps": 300, "pack": 4, "every": 300, "limit": 1800, **given,
    }  # fmt: skip
    path.write_text(STUDY.format(**settings))
    return path


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """That of a process in which the plug-in is installed and no compiler is, so that training starts at once."""
    site = tmp_path_factory.mktemp("site")
    (site / "deadly_plugin.py").write_text(PLUGIN)
    about = site / "deadly_plugin-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: deadly-plugin\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[explorer.architectures]\ndeadly = deadly_plugin\n")
    for tool in ("bash", "sh", "env"):  # with which Ray starts its workers
        (site / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    home = str(Path(__file__).parents[2])
    known = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    path = os.pathsep.join(dict.fromkeys([str(site), home, *known]))
    without = {name: value for name, value in os.environ.items() if name not in ("CXX", "CC")}
    return {**without, "PYTHONPATH": path, "PATH": str(site), "COLUMNS": "200", "OMP_NUM_THREADS": "1"}


@pytest.fixture
def explorer(environment, tmp_path):
    """The program: `explorer("run", …)` waits for it, `explorer.start("run", …)` does not. None outlives its test."""
    started: list[subprocess.Popen[str]] = []

    class Program:
        def start(self, *arguments, **more) -> subprocess.Popen[str]:
            log = tmp_path / f"driver-{len(started)}.log"
            with log.open("w") as stream:
                process = subprocess.Popen(
                    [*PROGRAM, *map(str, arguments)], stdout=stream, stderr=stream, text=True,
                    env={**environment, **more}, start_new_session=True,
                )  # fmt: skip
            process.log = log
            started.append(process)
            return process

        def __call__(self, *arguments, timeout=400, **more) -> tuple[int, str]:
            process = self.start(*arguments, **more)
            code = process.wait(timeout)
            return code, process.log.read_text()

    yield Program()
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def alone(study: Path, pack: int):
    """The rows of a study as one process without interruptions trains them: status, loss, steps and curve by cell."""
    cells = load_study(study).cells
    packs = (Pack(tuple(cells[i : i + pack]), pack) for i in range(0, len(cells), pack))
    results = [result for some in packs for result in PackRun(some, compiled=False).train()]
    return {r.cell.key: (r.status, r.loss, r.loss_se, r.steps, r.pack_width) for r in results}


def stored(opened):
    """The same of a store; fails where a cell stands in it twice."""
    columns = ["cell_key", "status", "loss", "loss_se", "steps_taken", "pack_width"]
    table = opened.arrow(columns).to_pylist()
    rows = {row["cell_key"]: tuple(row[name] for name in columns[1:]) for row in table}
    assert len(rows) == len(table)
    return rows
