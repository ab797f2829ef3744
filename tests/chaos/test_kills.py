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
def test_drivers_killed_fifty_times_at_random_end_with_the_rows_of_undisturbed_runs(tmp_path, explorer):
    """One study again and again, each time into a new store once the last is complete."""
    seed = random.randrange(2**32)
    chance, kills, stores = random.Random(seed), 0, 0
    study = study_of(tmp_path / "study.yaml", **{**LONG, "sparsity": "{from: 0.2, to: 0.9, count: 20}", "steps": 4000})
    wanted = alone(study, PACK)
    while kills < 50:
        stores += 1
        store, kept, process = tmp_path / f"store-{stores}", {}, None
        while process is None or process.returncode == -signal.SIGKILL:
            process = explorer.start("run", study, "--out", store)
            try:
                process.wait(chance.uniform(1, 40) if kills < 50 else 1800)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
            now = rows_so_far(store)
            assert kept.items() <= now.items()
            kept = now
        assert process.returncode == 0, process.log.read_text()
        assert kept == wanted
        assert not checkpoints(store)
        print(f"killed {kills} times by now (seed {seed}), store {stores}: {len(kept)} of 40 cells, 0 twice")


@pytest.mark.chaos_full
@pytest.mark.timeout(900)
def test_a_node_that_is_taken_away_and_another_that_comes_count_against_no_cell(tmp_path, environment, monkeypatch):
    """Five times in turn: more often than a pack may die."""
    import threading

    from ray.cluster_utils import Cluster

    for name in ("PATH", "PYTHONPATH"):
        monkeypatch.setenv(name, environment[name])
    study, store = study_of(tmp_path / "study.yaml", **{**LONG, "steps": 10000}), tmp_path / "store"
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


@pytest.mark.chaos_full
@pytest.mark.timeout(900)
def test_two_drivers_on_one_store_both_finish_and_every_cell_counts_once(tmp_path, explorer):
    study, store = study_of(tmp_path / "study.yaml", **LONG), tmp_path / "store"
    drivers = [explorer.start("run", study, "--out", store) for _ in range(2)]
    codes = [process.wait(800) for process in drivers]
    rows = stored(open_store(store))
    parts = len(list(store.glob("cells/*.parquet")))
    print(f"two drivers: {len(rows)} of 16 cells, 0 twice, from {parts} parts of 4 cells")
    assert codes == [0, 0], [process.log.read_text() for process in drivers]
    assert rows == alone(study, PACK)
    assert not checkpoints(store)
