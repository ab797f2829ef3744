"""Drivers, workers and nodes that are killed: the same command again, until every cell is there once, as if nothing had been."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from explorer import load_study, open_store, run_study
from explorer.errors import StoreError
from tests.chaos.conftest import alone, stored, study_of

PACK = 4
LONG = {"sparsity": "{from: 0.2, to: 0.9, count: 8}", "seed": "[0, 1]", "steps": 1500, "pack": PACK, "every": 0.5}


def rows_so_far(store: Path) -> dict:
    try:
        return stored(open_store(store))
    except StoreError:
        return {}


def wait_until(process, condition, seconds=240):
    """Wait for a condition, as long as the process lives; whether it came about."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.05)
    raise AssertionError("nothing happened in time")


def checkpoints(store: Path) -> set[tuple[str, int]]:
    return {(path.name, path.stat().st_mtime_ns) for path in store.glob("checkpoints/*.ckpt") if path.exists()}


def workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    """The processes that train for a driver."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if ".train" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


def test_a_killed_worker_and_two_killed_drivers_cost_no_cell_and_no_bit(tmp_path, explorer):
    study, store = study_of(tmp_path / "study.yaml", **LONG), tmp_path / "store"
    kept: dict = {}
    for kill in range(2):
        process = explorer.start("run", study, "--out", store)
        assert wait_until(process, lambda: len(list(store.glob("logs/*.log"))) > kill), process.log.read_text()  # noqa: B023
        before = checkpoints(store)
        assert wait_until(process, lambda: checkpoints(store) - before), process.log.read_text()  # noqa: B023
        if kill == 0:
            victims = workers_of(process)
            assert victims
            victims[0].send_signal(signal.SIGKILL)
        time.sleep(random.random())
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        now = rows_so_far(store)
        assert kept.items() <= now.items()
        kept = now
    left = len(checkpoints(store))
    code, said = explorer("run", study, "--out", store)
    assert code == 0, said
    rows = stored(open_store(store))
    log = "".join(path.read_text() for path in (store / "logs").glob("*.log"))
    print(
        f"a worker killed once, drivers killed 2 times, {len(rows)} of 16 cells, 0 twice; {left} checkpoints were left"
    )
    assert rows == alone(study, PACK)
    assert "cells go on from a checkpoint" in log
    assert not checkpoints(store)


@pytest.mark.chaos_full
@pytest.mark.timeout(3600)
def test_a_driver_killed_fifty_times_at_random_ends_with_the_rows_of_an_undisturbed_run(tmp_path, explorer):
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    study = study_of(tmp_path / "study.yaml", **{**LONG, "sparsity": "{from: 0.2, to: 0.9, count: 40}", "steps": 20000})
    store, kept, kills = tmp_path / "store", {}, 0
    while kills < 50:
        process = explorer.start("run", study, "--out", store)
        try:
            process.wait(chance.uniform(1, 30))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
        else:
            assert process.returncode == 0, process.log.read_text()
            break
        now = rows_so_far(store)
        assert kept.items() <= now.items()
        kept = now
    code, said = explorer("run", study, "--out", store, timeout=1800)
    assert code == 0, said
    rows = stored(open_store(store))
    print(
        f"killed {kills} times (seed {seed}), {len(rows)} of 80 cells, 0 twice; {len(kept)} were there at the last kill"
    )
    assert rows == alone(study, PACK)
    assert not checkpoints(store)


@pytest.mark.chaos_full
@pytest.mark.timeout(900)
def test_a_node_that_is_taken_away_and_another_that_comes_count_against_no_cell(tmp_path, environment, monkeypatch):
    """Five times in turn: more often than a pack may die."""
    import threading

    from ray.cluster_utils import Cluster

    for name in ("PATH", "PYTHONPATH"):
        monkeypatch.setenv(name, environment[name])
    study, store = study_of(tmp_path / "study.yaml", **{**LONG, "steps": 30000}), tmp_path / "store"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    summaries = []
    run = threading.Thread(
        target=lambda: summaries.append(run_study(load_study(study), str(store), cluster.address, progress=False))
    )
    try:
        run.start()
        taken = 0
        while taken < 5 and run.is_alive():
            before = checkpoints(store)
            while run.is_alive() and not checkpoints(store) - before:
                time.sleep(0.1)
            cluster.remove_node(nodes.pop(0), allow_graceful=False)
            nodes.append(cluster.add_node(num_cpus=1))
            taken += 1
        run.join(600)
    finally:
        cluster.shutdown()
    (summary,) = summaries
    rows = stored(open_store(store))
    print(f"{taken} nodes taken away, {len(rows)} of 16 cells, 0 twice, {summary.failed} failed")
    assert taken >= 3
    assert summary.complete
    assert summary.failed == 0
    assert {row[0] for row in rows.values()} <= {"converged", "budget"}
