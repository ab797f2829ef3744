"""Runs that are stopped in the middle: nothing is lost, nothing is counted twice, nothing half is seen."""

import os
import signal
import time

import pandas as pd
import pytest

from explorer import load_study, open_store, run_study
from explorer.errors import StoreError
from tests.end_to_end.conftest import call, small_study, start

BITS = ["cell_key", "status", "loss", "loss_se", "localization", "coverage", "tying", "orthogonality", "haar_distance"]


def wait_for_parts(store, process, parts=1):
    """Read the store while it is written, until it has this many parts; every read is of whole rows."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        try:
            opened = open_store(store)
            table = opened.to_pandas()
        except StoreError:
            time.sleep(0.1)
            continue
        assert table["cell_key"].is_unique
        assert table["loss"].notna().all()
        if opened.status()["parts"] >= parts:
            return len(table)
        time.sleep(0.05)
    raise AssertionError("no part in time")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    place = tmp_path_factory.mktemp("whole")
    study = small_study(place / "study.yaml", steps=1500, pack=8)
    summary = run_study(load_study(study), str(place / "store"), progress=False)
    assert summary.complete
    return open_store(place / "store").to_pandas()


@pytest.mark.chaos_full
def test_a_killed_driver_loses_nothing_and_repeats_nothing(tmp_path, uninterrupted):
    study, store = small_study(tmp_path / "study.yaml", steps=1500, pack=8), tmp_path / "store"
    process = start("run", study, "--out", store)
    wait_for_parts(store, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    kept = open_store(store).to_pandas()
    assert 0 < len(kept) < 64

    done = call("run", study, "--out", store)
    assert done.returncode == 0, done.stderr
    table = open_store(store).to_pandas()
    assert len(table) == 64
    assert table["cell_key"].is_unique
    first = table[table["cell_key"].isin(kept["cell_key"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, kept)
    pd.testing.assert_frame_equal(table[BITS], uninterrupted[BITS], check_exact=True)


@pytest.mark.parametrize("name", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.chaos_full)])
def test_a_signal_stops_within_seconds_and_says_how_to_go_on(tmp_path, name):
    study, store = small_study(tmp_path / "study.yaml", steps=20000, pack=8), tmp_path / "store"
    process = start("run", study, "--out", store)
    finished = wait_for_parts(store, process)
    pressed = time.monotonic()
    if name == signal.SIGINT:
        os.killpg(process.pid, name)
    else:
        os.kill(process.pid, name)
    _, messages = process.communicate(timeout=120)
    assert time.monotonic() - pressed < 90  # mostly waiting for its turn, where other tests run
    assert process.returncode == 130
    assert f"To go on: explorer run {study} --out {store}" in messages
    assert "Traceback" not in messages
    status = open_store(store).status()
    assert status["state"] == "interrupted"
    assert finished <= status["done"] < 64
