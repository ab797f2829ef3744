"""Stores of older and newer versions, and of plug-ins: what is known is read, what is not known is kept, what is newer is refused."""

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import explorer.store.damage as damage
import explorer.store.reader as reader
import explorer.store.repair as repairing
import explorer.store.writer as writing
from explorer.cli import app
from explorer.errors import StoreError
from explorer.records import OBSERVABLE, PROVENANCE, SCHEMA_VERSION
from explorer.store import StoreWriter, open_store
from explorer.store.compact import compact
from explorer.store.repair import repair
from tests.store.parts import outcomes, sparse

# Columns that no reader needs, so that a version that did not write them, or does no more, is read.
SPARE = [
    *sorted({field.name for field in PROVENANCE} - {"pack_key", "finished_at", "schema_version"}),
    "objective",
    "loss_se",
]


def with_column(table, name, values, metadata=None):
    return table.append_column(pa.field(name, values.type, metadata=metadata), values)


def new_store(place):
    writer = StoreWriter(str(place))
    writer.create()
    return writer


@settings(max_examples=8, derandomize=True, database=None)
@given(without=st.lists(st.sets(st.sampled_from(SPARE)), min_size=1, max_size=4))
def test_parts_that_lack_columns_are_read_beside_those_that_have_them(tmp_path_factory, without):
    place = tmp_path_factory.mktemp("evolving")
    writer = new_store(place)
    for number, left_out in enumerate(without):
        table = outcomes([sparse(number)], f"p{number}")
        writer.publish(f"p{number}", table.select([name for name in table.column_names if name not in left_out]))
    for _ in range(2):
        found = open_store(place).arrow()
        assert found.num_rows == len(without)
        for row in found.to_pylist():
            assert row["loss"] == 0.5
            assert all(row[name] is None for name in without[row["seed"]])
        assert repair(str(place)).found == []
        compact(str(place), grace=0)


@pytest.mark.parametrize("compacted", [False, True])
def test_columns_of_a_plug_in_that_is_not_installed_are_kept(tmp_path, compacted):
    """An observable, a setting and a column of no known kind, with values and without a word about them here."""
    writer = new_store(tmp_path)
    table = outcomes([sparse(0), sparse(1)], "foreign")
    table = with_column(table, "curl", pa.array([0.25, -0.0]), OBSERVABLE)
    table = with_column(table, "weather", pa.array(["dry", None]), {b"explorer": b"setting"})
    table = with_column(table, "notes of mine", pa.array([[1.0], [2.0, 3.0]], pa.list_(pa.float32())))
    table = with_column(table, "turns", pa.array([7, 8], pa.int32()))
    writer.publish("foreign", table)
    writer.publish("own", outcomes([sparse(2)], "own"))
    if compacted:
        compact(str(tmp_path), grace=0)
    store = open_store(tmp_path)
    assert "curl" in store.observables
    assert "weather" in store.settings
    rows = store.arrow(["seed", "curl", "weather", "notes of mine", "turns"]).to_pylist()
    assert sorted(rows, key=lambda row: row["seed"]) == [
        {"seed": 0, "curl": 0.25, "weather": "dry", "notes of mine": [1.0], "turns": 7},
        {"seed": 1, "curl": -0.0, "weather": None, "notes of mine": [2.0, 3.0], "turns": 8},
        {"seed": 2, "curl": None, "weather": None, "notes of mine": None, "turns": None},
    ]
    assert repair(str(tmp_path)).found == []


def raised_version(monkeypatch, to):
    for module in (damage, reader, repairing, writing):
        monkeypatch.setattr(module, "SCHEMA_VERSION", to)


def test_newer_explorer_reads_an_older_store_and_marks_it_when_it_writes(tmp_path, monkeypatch):
    new_store(tmp_path).publish("old", outcomes([sparse(0)], "old"))
    with monkeypatch.context() as newer:
        raised_version(newer, SCHEMA_VERSION + 1)
        newer.setattr(writing.marker, "__defaults__", (SCHEMA_VERSION + 1,))
        assert len(open_store(tmp_path).to_pandas()) == 1
        assert json.loads((tmp_path / "store.json").read_text()) == {"explorer_store": SCHEMA_VERSION}
        new_store(tmp_path).publish("new", outcomes([sparse(1)], "new"))
        assert len(open_store(tmp_path).to_pandas()) == 2
        assert repair(str(tmp_path)).found == []
    with pytest.raises(StoreError, match=f"schema version {SCHEMA_VERSION + 1}.*upgrade explorer"):
        open_store(tmp_path)


@pytest.mark.parametrize(
    "command", [["status"], ["query", "SELECT 1"], ["compact"], ["repair"]], ids=lambda command: command[0]
)
def test_every_command_refuses_a_newer_store_with_one_message(tmp_path, command):
    new_store(tmp_path).publish("a", outcomes([sparse(0)], "a"))
    (tmp_path / "store.json").write_text(json.dumps({"explorer_store": SCHEMA_VERSION + 1}))
    done = CliRunner().invoke(app, [command[0], str(tmp_path), *command[1:]])
    assert (done.exit_code, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert f"written with schema version {SCHEMA_VERSION + 1}" in line
    assert "upgrade explorer" in line
