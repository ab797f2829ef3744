"""A run that goes wrong in every way at once, as its user sees it: the log, status, failures and timings."""

import importlib.util
import json
import os
import subprocess
import sys
import time
import urllib.request
from typing import Any

import pytest
from typer.testing import CliRunner

from explorer import open_store
from explorer.cli import app
from tests.end_to_end.conftest import PROGRAM

PLUGIN = """\
import os, pathlib, signal
from explorer.architectures.base import architectures
from explorer.architectures.two_layer import TwoLayer

@architectures.register("moody")
class Moody(TwoLayer):
    inits = ("random", "broken", "deadly")

    def initialise(self, init, generator):
        if init == "broken":
            raise ValueError(f'no\\n{{"event": "forged"}}\\x1b[31m in cell {id(generator)}')
        once = pathlib.Path(__file__).with_name("killed")
        if init == "deadly" and not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        super().initialise("random", generator)
"""

STUDY = """\
name: moody
axes:
  source: sparse
  sparsity: 0.5
  rate: 1.0
  architecture: moody
  activation: identity
  dimension: 8
  init: [random, broken, deadly]
  optimizer: sgd
  learning_rate: [0.01, 1.0e+9]
  seed: {count: 2}
training: {steps: 20, batch: 16, evaluation_samples: 64}
resources: {cells_per_pack: 12}
"""


def environment(place):
    """Where the architecture of a third party is installed."""
    folder = place / "moody-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: moody\nVersion: 1\n")
    (folder / "entry_points.txt").write_text("[explorer.architectures]\nmoody = moody\n")
    (place / "moody.py").write_text(PLUGIN)
    (place / "study.yaml").write_text(STUDY)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(place), *sys.path]), "COLUMNS": "300"}


def call(*arguments):
    """A command that reads a store, in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def gone_wrong(tmp_path_factory):
    """One run, its log as JSON, and what it printed; its status was watched while it ran."""
    place = tmp_path_factory.mktemp("moody")
    run: dict[str, Any] = {"store": place / "store", "log": place / "log.jsonl"}
    process = subprocess.Popen(
        [*PROGRAM, "run", place / "study.yaml", "--out", run["store"], "--log-json", run["log"]],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(place),
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while not list((run["store"] / "runs").glob("*.json")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    run["watched"] = call("status", run["store"], "--watch", "--format", "json")
    run["printed"] = process.communicate(timeout=300)[1]
    run["code"] = process.returncode
    run["events"] = [json.loads(line) for line in run["log"].read_text().splitlines()]
    return run


def test_every_cell_is_in_the_store_and_the_user_is_sent_to_the_failures(gone_wrong):
    statuses = open_store(gone_wrong["store"]).to_pandas()["status"].value_counts()
    assert (statuses.sum(), statuses["failed"], statuses["diverged"]) == (12, 4, 4)
    assert gone_wrong["code"] == 3
    assert f"explorer status {gone_wrong['store']} --failures" in gone_wrong["printed"]


def test_the_log_tells_the_run_in_order_and_its_counts_are_those_of_the_store(gone_wrong):
    events = gone_wrong["events"]
    names = [e["event"] for e in events if e["event"] not in ("progress", "message")]
    assert names[:3] == ["run_started", "round", "pack_started"]
    assert names[-2:] == ["pack_finished", "run_finished"]
    assert names.index("worker_died") < names.index("cells_failed")
    assert names.count("pack_started") == 2
    assert sum(e["cells"] for e in events if e["event"] == "cells_failed") == 4
    assert sum(e["cells"] for e in events if e["event"] == "cells_diverged") == 4
    assert {name: events[-1][name] for name in ("state", "total", "done", "diverged", "failed")} == {
        "state": "finished", "total": 12, "done": 12, "diverged": 4, "failed": 4
    }  # fmt: skip
    assert {(e["run"], e["study"]) for e in events} == {(events[0]["run"], "moody")}
    assert [e["time"] for e in events] == sorted(e["time"] for e in events)


def test_the_text_log_has_the_same_events_one_a_line(gone_wrong):
    (log,) = (gone_wrong["store"] / "logs").glob("*.log")
    lines = log.read_text().splitlines()
    assert len(lines) == len(gone_wrong["events"])
    assert all(line[:2] == "20" for line in lines)


def test_failures_are_shown_by_kind_with_the_line_that_raised(gone_wrong):
    shown = call("status", gone_wrong["store"], "--failures")
    assert shown.exit_code == 0, shown.stderr
    rows = [line for line in shown.stdout.splitlines() if line.lstrip().startswith(("failed", "diverged"))]
    assert len(rows) == 2
    assert "init=broken" in rows[0]
    assert "learning_rate=1e+09" in rows[1]
    assert 'raise ValueError(f\'no\\n{{"event"' in shown.stdout
    assert "\x1b" not in shown.stdout
    (failed, _) = json.loads(call("status", gone_wrong["store"], "--failures", "--format", "json").stdout)
    assert failed["cells"] == 4
    assert failed["traceback"].rstrip().splitlines()[-2] == "ValueError: no"


def test_packs_are_shown_with_what_their_time_went_into(gone_wrong):
    shown = call("status", gone_wrong["store"], "--packs")
    assert "1 packs, 12 cells: compile" in shown.stderr
    (row,) = open_store(gone_wrong["store"]).packs().to_dict("records")
    assert (row["cells"], row["failed"], row["diverged"], row["parts"]) == (12, 4, 4, 1)
    assert row["pid"] > 0
    assert row["train_seconds"] > 0
    assert row["end"] > row["begin"]


def test_watching_ends_with_the_run_and_showed_it_under_way(gone_wrong):
    assert gone_wrong["watched"].exit_code == 0, gone_wrong["watched"].stderr
    decoder, text, seen = json.JSONDecoder(), gone_wrong["watched"].stdout.strip(), []
    while text:
        (row,), end = decoder.raw_decode(text)
        seen.append(row)
        text = text[end:].strip()
    assert seen[0]["state"] == "running"
    assert (seen[-1]["state"], seen[-1]["done"], seen[-1]["packs_in_training"]) == ("finished", 12, None)


def test_only_one_table_is_shown_at_a_time(gone_wrong):
    refused = call("status", gone_wrong["store"], "--packs", "--failures")
    assert refused.exit_code == 2
    assert "found several of --failures, --packs and --watch" in refused.stderr


@pytest.mark.chaos_full
def test_a_cluster_exports_metrics_of_the_run_or_the_log_says_that_it_cannot(tmp_path):
    from ray.cluster_utils import Cluster

    env = environment(tmp_path)
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        process = subprocess.Popen(
            [*PROGRAM, "run", tmp_path / "study.yaml", "--out", tmp_path / "store", "--address", nodes.address,
             "--log-json", "-"],
            stderr=subprocess.PIPE, text=True, env=env,
        )  # fmt: skip
        served = ""
        if importlib.util.find_spec("opentelemetry") and importlib.util.find_spec("aiohttp"):
            served = _served(nodes.head_node.metrics_export_port, process)
        events = [json.loads(line) for line in process.communicate(timeout=300)[1].splitlines() if line[:1] == "{"]
    finally:
        nodes.shutdown()
    assert len(open_store(tmp_path / "store").to_pandas()) == 12
    assert [e["event"] for e in events].count("metrics_off") == (0 if served else 1)
    if served:
        assert 'study="moody"' in served
        assert {line.split("{")[0] for line in served.splitlines()} >= {
            "ray_explorer_cells_per_second", "ray_explorer_cells_missing", "ray_explorer_worker_deaths_total"
        }  # fmt: skip


def _served(port, process):
    """What a Prometheus that asks every half a second is given of the run, last of all."""
    latest = ""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                lines = [line for line in answer.read().decode().splitlines() if line.startswith("ray_explorer_")]
            latest = "\n".join(lines) or latest
        except OSError:
            pass
        time.sleep(0.5)
    return latest
