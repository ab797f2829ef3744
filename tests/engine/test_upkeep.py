"""Upkeep: a store is merged while it is written, and whatever goes wrong in it ends no run and loses no row."""

import logging
import threading
import time
from pathlib import Path

import pytest

from explorer.engine import upkeep
from explorer.errors import StoreError
from explorer.store import StoreWriter, open_store
from tests.store.parts import curves, outcomes, sparse

PARTS = 60


@pytest.fixture
def writer(tmp_path, monkeypatch):
    monkeypatch.setattr(upkeep, "MOST_PARTS", 10)
    made = StoreWriter(str(tmp_path / "store"))
    made.create()
    return made


def publish(writer, numbers):
    for i in numbers:
        writer.publish(f"p{i}", outcomes([sparse(seed=i)], f"p{i}"), curves([sparse(seed=i)], f"p{i}"))


def eventually(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_parts_are_merged_while_they_are_written_by_two_drivers_at_once(writer, tmp_path):
    store = str(tmp_path / "store")
    with upkeep.kept_tidy(store, 0.02), upkeep.kept_tidy(store, 0.02):
        writers = [threading.Thread(target=publish, args=(writer, range(first, PARTS, 2))) for first in (0, 1)]
        for thread in writers:
            thread.start()
        for thread in writers:
            thread.join()
        eventually(lambda: open_store(store).status()["replaced"] > PARTS - 20)
    table = open_store(store).to_pandas()
    assert len(table) == PARTS
    assert table["cell_key"].is_unique
    assert open_store(store).sql("SELECT count(*) AS n FROM curves").to_pylist() == [{"n": 2 * PARTS}]


def test_few_parts_are_left_alone(writer, tmp_path):
    publish(writer, range(9))
    before = sorted((tmp_path / "store").rglob("*.parquet"))
    upkeep.tidied_before(str(tmp_path / "store"))
    assert sorted((tmp_path / "store").rglob("*.parquet")) == before


def test_many_parts_are_merged_before_a_run_reads_them(writer, tmp_path):
    publish(writer, range(PARTS))
    upkeep.tidied_before(str(tmp_path / "store"))
    assert open_store(tmp_path / "store").parts == 1
    assert len(open_store(tmp_path / "store").keys()) == PARTS


def test_what_goes_wrong_is_logged_and_tried_again(writer, tmp_path, caplog, monkeypatch):
    store, failing = str(tmp_path / "store"), threading.Event()
    real = upkeep.tidy

    def fails_first(*arguments, **options):
        if not failing.is_set():
            failing.set()
            raise StoreError("the endpoint went away")
        return real(*arguments, **options)

    monkeypatch.setattr(upkeep, "tidy", fails_first)
    publish(writer, range(PARTS))
    with caplog.at_level(logging.WARNING, "explorer"), upkeep.kept_tidy(store, 0.02):
        eventually(lambda: open_store(store).parts == 1)
    assert "the endpoint went away" in caplog.text
    assert len(open_store(store).keys()) == PARTS


def test_a_damaged_part_ends_no_run(writer, tmp_path, caplog):
    publish(writer, range(PARTS))
    damaged = next(Path(tmp_path / "store" / "cells").glob("part-*"))
    damaged.write_bytes(b"half")
    with caplog.at_level(logging.WARNING, "explorer"), upkeep.kept_tidy(str(tmp_path / "store"), 0.02):
        eventually(lambda: damaged.name in caplog.text)
    damaged.unlink()
    assert len(open_store(tmp_path / "store").keys()) == PARTS - 1
