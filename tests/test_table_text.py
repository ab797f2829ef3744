"""Tables of whatever texts: each row is one line, and nothing in it moves a cursor or breaks an encoding."""

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from explorer.cli import app
from explorer.store import StoreWriter
from explorer.table_text import table_text
from tests.store.parts import outcomes, sparse

HOSTILE = [
    "\x1b[2J\x1b[31mred",
    "one\ntwo\r\nthree",
    "a\tb",
    "\x00\x07\x08",
    "\u202egnitirw",
    "\u2028line",
    "x" * 100_000,
    "é ☃ 漢",
    "",
    " ",
]


@settings(max_examples=60, derandomize=True, database=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
def test_each_row_is_one_line_of_printable_text(texts):
    shown = table_text(pd.DataFrame({"name": texts, "number": range(len(texts))}), "table")
    lines = shown.removesuffix("\n").split("\n")
    assert len(lines) == len(texts) + 1
    assert all(line.isprintable() for line in lines)
    assert [line.rsplit(" ", 1)[1] for line in lines[1:]] == [str(number) for number in range(len(texts))]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_hostile_text_is_shown_escaped_and_given_whole_to_programs(text):
    frame = pd.DataFrame({"error": [text, "after"], "list": [[text[:50]], []], text: [1, 2]})
    shown = table_text(frame, "table")
    assert shown.count("\n") == 3
    assert shown.replace("\n", "").isprintable()
    assert max(map(len, shown.split("\n"))) < 1500
    assert json.loads(table_text(frame, "json"))[0]["error"] == text


def test_columns_of_one_name_are_told_apart():
    frame = pd.DataFrame([[1.5, 2, 3]], columns=["a", "a", "a_2"])
    assert table_text(frame, "csv") == "a,a_3,a_2\n1.5,2,3\n"
    assert json.loads(table_text(frame, "json")) == [{"a": 1.5, "a_3": 2, "a_2": 3}]
    assert table_text(frame, "table").split() == ["a", "a_3", "a_2", "1.5", "2", "3"]


def test_commands_show_hostile_errors_and_notes_of_runs(tmp_path):
    writer = StoreWriter(str(tmp_path))
    writer.create()
    table = outcomes([sparse(seed) for seed in range(len(HOSTILE))], status="failed")
    at = table.schema.get_field_index("error")
    writer.publish("pack", table.set_column(at, "error", pd.Series(HOSTILE).pipe(lambda texts: [texts.tolist()])))
    writer.note_run("20260101T000000-aaaaaa", {
        "state": "\x1b[2J\n", "host": "\u202ehost\x00", "started_at": "2026-01-01T00:00:00+00:00", "rate": "\x1b[31m",
    })  # fmt: skip
    for arguments in (
        ["status", str(tmp_path)],
        ["query", str(tmp_path), "SELECT error, seed FROM cells ORDER BY seed"],
    ):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        assert done.stdout.replace("\n", "").isprintable()
    assert done.stdout.count("\n") == len(HOSTILE) + 1
    asked = ["query", str(tmp_path), "SELECT error FROM cells ORDER BY seed", "--format", "json"]
    assert [row["error"] for row in json.loads(CliRunner().invoke(app, asked).stdout)] == HOSTILE


def test_a_terminal_that_knows_ascii_only_is_no_error(tmp_path):
    writer = StoreWriter(str(tmp_path))
    writer.create()
    done = CliRunner(charset="ascii").invoke(app, ["query", str(tmp_path), "SELECT 'é ☃' AS \"größe\""])
    assert done.exit_code == 0
    assert "\\u2603" in done.stdout
