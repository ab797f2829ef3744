"""The log of a run, as text and as JSON: one line an event, whatever is in it."""

import json
import logging
import sys

import pytest

from explorer.engine.events import LineFormatter, about, event, json_log
from explorer.errors import EngineError

HOSTILE = 'a "quote"\n{"event": "forged"}\r\x1b[31m\u2028\x00\udc80 ü'


def lines(path):
    raw = path.read_bytes()
    assert raw.isascii()
    return [json.loads(line) for line in raw.decode().split("\n")[:-1]]


def test_an_event_is_one_json_object_a_line_with_its_fields(tmp_path):
    with json_log(str(tmp_path / "log")), about(run="r1", study="demo"):
        event("pack_started", "pack a", pack_key="a", cells=3)
        event("store_error", "no room", logging.WARNING)
    first, second = lines(tmp_path / "log")
    assert first["time"].endswith("Z")
    assert len(first.pop("time")) == len("2026-01-01T00:00:00.000Z")
    assert first == {"level": "info", "event": "pack_started", "run": "r1", "study": "demo", "message": "pack a",
                     "pack_key": "a", "cells": 3}  # fmt: skip
    assert (second["level"], second["event"]) == ("warning", "store_error")


def test_hostile_strings_and_numbers_that_json_lacks_break_no_line(tmp_path):
    with json_log(str(tmp_path / "log")), about(study=HOSTILE):
        event("cells_failed", HOSTILE, error=HOSTILE, rate=float("nan"), left=float("inf"), other=object)
    (only,) = lines(tmp_path / "log")
    assert (only["event"], only["study"], only["message"], only["error"]) == ("cells_failed", HOSTILE, HOSTILE, HOSTILE)
    assert (only["rate"], only["left"]) == ("nan", "inf")


def test_the_text_log_has_one_line_an_event(tmp_path):
    record = logging.LogRecord("explorer", logging.INFO, "", 0, "%s", (HOSTILE,), None)
    text = LineFormatter().format(record)
    assert text.isprintable()
    assert '\\n{"event": "forged"}\\r\\x1b[31m' in text


def test_a_second_run_adds_to_the_file_and_other_logging_is_as_before(tmp_path):
    log = logging.getLogger("explorer")
    before = log.level, log.propagate, list(log.handlers)
    for _ in range(2):
        with json_log(str(tmp_path / "log")):
            event("round", "again")
    assert len(lines(tmp_path / "log")) == 2
    assert (log.level, log.propagate, list(log.handlers)) == before


def test_on_standard_error_every_line_is_an_event_and_nothing_is_said_twice(capsys):
    stderr = sys.stderr
    with json_log("-"):
        event("progress", "1/2 cells")
        for text in ("1/2 cells\n", "half a ", "line\nanother\n"):
            sys.stderr.write(text)
        logging.getLogger("explorer").warning("plain %d", 1)
    assert sys.stderr is stderr
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(one["event"], one["message"]) for one in said] == [
        ("progress", "1/2 cells"), ("message", "half a line"), ("message", "another"), ("message", "plain 1")
    ]  # fmt: skip


def test_a_file_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(EngineError, match=r"--log-json .*: cannot be written: No such file.*expected a file"):
        json_log(str(tmp_path / "nowhere" / "log")).__enter__()


def test_a_full_disk_under_the_log_ends_no_run(capsys):
    with json_log("/dev/full"):
        for _ in range(3):
            event("progress", "still here")
    assert capsys.readouterr().err == ""
