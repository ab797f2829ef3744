"""What the driver makes of what workers tell: events, timings of packs in the store, and failures with their tracebacks."""

import functools
import json
import time

import pytest

from explorer.architectures import architectures
from explorer.architectures.two_layer import TwoLayer
from explorer.cells import Cell, Pack
from explorer.engine import job as job_module
from explorer.engine import observer as observer_module
from explorer.engine.events import json_log
from explorer.engine.failure import ERROR_LENGTH, TRACEBACK_LENGTH, described
from explorer.engine.job import PackJob, failed_pack
from explorer.engine.observer import Observer
from explorer.errors import StoreError
from explorer.sections import Keep
from explorer.store import StoreWriter, open_store
from explorer.training import PackRun
from explorer.training.clock import PHASES

HOSTILE = 'no\n{"event": "forged"}\x00\udc80 in cell '


class Moody(TwoLayer):
    """A plug-in that raises what cannot be stored as it is."""

    inits = ("random", "identity", "broken")

    def initialise(self, init, generator):
        if init == "broken":
            raise ValueError(f"{HOSTILE}{id(generator)}")
        super().initialise(init, generator)


@pytest.fixture(autouse=True)
def plugin(monkeypatch):
    monkeypatch.setattr(job_module, "PackRun", functools.partial(PackRun, compiled=False))
    architectures.load()
    monkeypatch.setattr(architectures, "_members", {**architectures._members, "moody": Moody})


@pytest.fixture
def place(tmp_path):
    StoreWriter(str(tmp_path / "store")).create()
    return tmp_path / "store"


def cell(seed=0, **changes):
    return Cell.of(**{"source": "sparse", "architecture": "moody", "dimension": 6, "rate": 1.0, "sparsity": 0.7,
                      "seed": seed, "steps": 10, "batch": 16, "evaluation_samples": 64, "optimizer": "sgd",
                      "activation": "identity", **changes})  # fmt: skip


def observed(place, cells, log, run="r1"):
    """Train a pack in this process, tell an observer as Tune would, and return the events."""
    pack = Pack(tuple(cells), 4)
    observer = Observer(StoreWriter(str(place)), run)
    with json_log(str(log)):
        observer.planned({0: pack})
        observer.started(0)
        job = PackJob(pack, str(place), Keep(curves=True))
        while not job.published:
            job.advance(0.05)
            observer.heard(0, {**job.summary(), "facts": job.facts()})
        observer.end("finished", {"total": len(cells), "done": len(cells), "diverged": 0, "failed": 0})
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_failed_and_diverged_cells_are_told_counted_and_kept_with_their_tracebacks(place, tmp_path):
    good = [cell(seed) for seed in range(5)]
    broken = [cell(seed, init="broken") for seed in range(2)]
    wild = cell(9, learning_rate=1e9)
    events = observed(place, [*good, *broken, wild], tmp_path / "log")
    by_name = {name: [e for e in events if e["event"] == name] for name in {e["event"] for e in events}}
    assert sum(e["cells"] for e in by_name["cells_failed"]) == 2
    assert {e["cell_key"] for e in by_name["cells_failed"]} <= {c.key for c in broken}
    assert by_name["cells_failed"][0]["error"].startswith('ValueError: no\n{"event": "forged"}\x00\\udc80')
    assert sum(e["cells"] for e in by_name["cells_diverged"]) == 1
    assert [(e["cells"], e["failed"], e["diverged"]) for e in by_name["pack_finished"]] == [(8, 2, 1)]

    failures = open_store(place).failures()
    assert list(failures["cells"]) == [2, 1]
    assert failures["kind"][0].startswith("ValueError: no")
    assert "init=broken" in failures["shared"][0]
    assert failures["traceback"][0].startswith("Traceback (most recent call last)")
    assert "in initialise" in failures["traceback"][0]
    assert failures["status"][1] == "diverged"
    assert "learning_rate=1e+09" in failures["shared"][1]


def test_every_second_of_a_pack_is_in_one_phase_and_the_table_says_where_and_when(place, tmp_path):
    begin = time.time()
    observed(place, [cell(seed) for seed in range(8)], tmp_path / "log", "r1")
    observed(place, [cell(seed) for seed in range(8, 12)], tmp_path / "log", "r2")
    packs = open_store(place).packs()
    assert list(packs["run"]) == ["r1", "r2"]
    assert list(packs["cells"]) == [8, 4]
    assert (packs["begin"].map(lambda moment: moment.timestamp()) >= begin - 1e-3).all()
    whole = (packs["end"] - packs["begin"]).dt.total_seconds()
    phases = packs[[f"{name}_seconds" for name in PHASES]]
    assert (phases >= 0).all(axis=None)
    assert (phases[["train_seconds", "evaluate_seconds", "publish_seconds"]] > 0).all(axis=None)
    assert (phases.sum(axis=1) <= whole + 1e-3).all()
    # `bytes` are those of all files of the pack's parts: of cells and of curves.
    written = sum(path.stat().st_size for name in ("cells", "curves") for path in (place / name).glob("*.parquet"))
    assert packs["bytes"].sum() == written
    assert packs["parts"].sum() == len(list((place / "cells").glob("*.parquet")))


def test_a_write_that_is_tried_again_is_told_with_its_reason(place, tmp_path, monkeypatch):
    monkeypatch.setattr(job_module, "PAUSES", (0.0,))
    publish, refusals = StoreWriter.publish, iter([StoreError("s3: slow down"), StoreError("s3: slow down")])

    def refused_twice(self, *arguments, **options):
        for refusal in refusals:
            raise refusal
        return publish(self, *arguments, **options)

    monkeypatch.setattr(StoreWriter, "publish", refused_twice)
    events = observed(place, [cell(seed) for seed in range(4)], tmp_path / "log")
    retries = [e for e in events if e["event"] == "publish_retry"]
    assert sum(retry["times"] for retry in retries) == 2
    assert {(retry["error"], retry["level"]) for retry in retries} == {("StoreError: s3: slow down", "warning")}
    assert list(open_store(place).packs()["publish_retries"]) == [2]
    assert len(open_store(place).to_pandas()) == 4


def test_timings_that_cannot_be_written_are_told_and_written_later(place, tmp_path, monkeypatch):
    monkeypatch.setattr(observer_module, "KEEP_EVERY_SECONDS", 0.0)
    note, refusals = StoreWriter.note_packs, iter([StoreError("no room")])

    def refused_once(self, *arguments):
        for refusal in refusals:
            raise refusal
        note(self, *arguments)

    monkeypatch.setattr(StoreWriter, "note_packs", refused_once)
    events = observed(place, [cell(seed) for seed in range(4)], tmp_path / "log")
    assert [e["error"] for e in events if e["event"] == "store_error"] == ["no room"]
    assert len(open_store(place).packs()) == 1


def test_the_table_of_timings_is_written_at_most_once_a_minute(place, tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(StoreWriter, "note_packs", lambda self, run, packs: written.append(len(packs)))
    packs = [Pack((cell(seed),), 1) for seed in range(100)]
    observer = Observer(StoreWriter(str(place)), "r1")
    observer.planned(dict(enumerate(packs)))
    job = PackJob(packs[0], str(place), Keep())
    while not job.published:
        job.advance(1)
    told = {**job.summary(), "facts": job.facts()}
    for index in range(100):
        observer.heard(index, told)
    assert written == []
    observer.end("finished", {})
    assert written == [100]


def test_a_worker_that_dies_is_told_and_what_its_successor_reports_counts_anew(place, tmp_path):
    pack = Pack((cell(), cell(1)), 2)
    observer = Observer(StoreWriter(str(place)), "r1")
    report = {"done": False, "cells": 2, "fraction": 0.5, "diverged": 0, "failed": 1,
              "facts": json.dumps({"failed_key": "k", "error": "E"})}  # fmt: skip
    with json_log(str(tmp_path / "log")):
        observer.planned({0: pack})
        observer.started(0)
        observer.heard(0, report)
        observer.heard(0, report)
        observer.died(0, "The actor died unexpectedly", again=True)
        observer.started(0)
        observer.heard(0, {**report, "failed": 2})
        observer.died(0, "The actor died unexpectedly", again=False)
    events = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [e["cells"] for e in events if e["event"] == "cells_failed"] == [1, 2]
    assert [(e["times"], e["again"], e["level"]) for e in events if e["event"] == "worker_died"] == [
        (1, True, "warning"), (2, False, "error")
    ]  # fmt: skip


def test_a_pack_whose_worker_died_keeps_what_ray_said(place):
    failed_pack(Pack((cell(),), 1), str(place), "the worker died 4 times: gone", None, "ray::train()\n  deep\ngone")
    (row,) = open_store(place).failures().to_dict("records")
    assert (row["kind"], row["traceback"]) == ("the worker died # times: gone", "ray::train()\n  deep\ngone")


def test_an_exception_without_end_or_without_words_is_kept_as_far_as_it_goes():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no words")

    def down(level):
        if level == 0:
            raise Mute
        further(level - 1)

    def further(level):  # two functions in turn, which Python does not print as one line that is repeated
        down(level)

    try:
        down(400)
    except Mute as error:
        message, trace = described(error)
    assert message == "Mute: its message cannot be had: RuntimeError"
    assert len(trace) <= TRACEBACK_LENGTH + 100
    assert trace.startswith("Traceback")
    assert len(described(ValueError("x" * 10**6))[0]) == ERROR_LENGTH
