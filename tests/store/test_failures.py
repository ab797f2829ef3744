"""What went wrong, by kind, with what failed cells have in common; and timings of packs."""

import pyarrow as pa
import pytest

from explorer.errors import StoreError
from explorer.records import FAILURES
from explorer.store import StoreWriter, open_store
from explorer.store.compact import compact
from explorer.store.failures import kind_of
from tests.store.parts import outcomes, sparse


@pytest.fixture
def writer(tmp_path):
    made = StoreWriter(str(tmp_path / "store"))
    made.create()
    return made


def failed(writer, cells, errors, pack, minute=0, traced=True):
    """Publish failed cells with these errors, and tracebacks that end in them."""
    table = outcomes(cells, pack, status="failed", minute=minute)
    table = table.set_column(table.schema.get_field_index("error"), "error", pa.array(errors, pa.string()))
    rows = [
        {"cell_key": c.key, "pack_key": pack, "traceback": f"Traceback\n  here\n{e}"}
        for c, e in zip(cells, errors, strict=True)
    ]
    writer.publish(pack, table, failures=pa.Table.from_pylist(rows if traced else [], schema=FAILURES))


def found(writer):
    return open_store(writer.files.name).failures()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("ValueError: <object at 0x7f3a90> is 12.5e-3", "ValueError: <object at #> is #"),
        ("mat1 and mat2 shapes cannot be multiplied (32x64 and 128x10)", "mat1 and mat2 shapes cannot be multiplied (# and #)"),
        ("cell 1561d6d15d08db0e3dc6 of 12345678", "cell # of #"),
        ("no such file: /tmp/tmpab12cd_/x-7.bin", "no such file: /tmp/#/x-#.bin"),
        ("Conv2d wants\n  float32, not int8", "Conv2d wants float32, not int8"),
        ("defaced facade", "defaced facade"),
    ],
)  # fmt: skip
def test_what_differs_from_cell_to_cell_is_no_part_of_the_kind(error, kind):
    assert kind_of(error) == kind


def test_the_same_fault_of_many_cells_is_one_row_with_what_they_share(writer):
    bad = [sparse(seed, rate=0.5, sparsity=0.1 * (seed + 1)) for seed in range(3)]
    other = sparse(9, sparsity=0.9)
    wild = [sparse(seed, learning_rate=10.0) for seed in (1, 2)]
    failed(writer, bad, [f"ValueError: seed {c.settings['seed']}\nis bad" for c in bad], "a")
    failed(writer, [other], ["KeyError: 'x'"], "b", minute=1)
    writer.publish("c", outcomes(wild, "c", status="diverged", minute=2))
    writer.publish("d", outcomes([sparse(seed) for seed in range(5)], "d"))
    rows = found(writer).to_dict("records")
    assert [(r["status"], r["kind"], r["cells"]) for r in rows] == [
        ("failed", "ValueError: seed # is bad", 3),
        ("failed", "KeyError: 'x'", 1),
        ("diverged", "the loss left the finite", 2),
    ]
    assert "rate=0.5" in rows[0]["shared"]
    assert "sparsity=0.1…0.3" in rows[0]["shared"]
    assert rows[0]["cell_key"] in {c.key for c in bad}
    assert rows[0]["traceback"] == f"Traceback\n  here\n{rows[0]['error']}"
    assert "seed=9" in rows[1]["settings"]
    assert "learning_rate=10" in rows[2]["shared"]
    assert rows[2]["traceback"] is None


def test_a_cell_that_succeeded_when_it_was_retried_is_no_failure(writer):
    failed(writer, [sparse(), sparse(1)], ["ValueError: 1", "ValueError: 2"], "a")
    writer.publish("b", outcomes([sparse()], "b", minute=1))
    (row,) = found(writer).to_dict("records")
    assert (row["cells"], row["cell_key"]) == (1, sparse(1).key)
    assert open_store(writer.files.name).sql("SELECT cell_key FROM failures").column(0).to_pylist() == [sparse(1).key]


def test_of_a_kind_the_example_is_one_that_has_a_traceback(writer):
    failed(writer, [sparse()], ["ValueError: 1"], "a", traced=False)
    failed(writer, [sparse(1)], ["ValueError: 2"], "b", minute=1)
    (row,) = found(writer).to_dict("records")
    assert (row["cells"], row["cell_key"]) == (2, sparse(1).key)
    assert row["traceback"].endswith("ValueError: 2")


def test_a_store_without_failures_has_an_empty_table(writer):
    assert found(writer).empty
    writer.publish("a", outcomes([sparse()], "a"))
    assert found(writer).empty


def test_tracebacks_survive_compact(writer):
    for i in range(4):
        failed(writer, [sparse(i)], [f"ValueError: {i}"], f"p{i}")
    before = found(writer).to_dict("records")
    assert {row.folder: row.into for row in compact(writer.files.name, grace=0)}["failures"] == 1
    assert found(writer).to_dict("records") == before
    assert before[0]["cells"] == 4


def test_a_damaged_table_of_timings_is_named_and_harms_no_outcome(writer):
    writer.publish("a", outcomes([sparse()], "a"))
    writer.files.publish("runs/r1.packs.parquet", b"half")
    store = open_store(writer.files.name)
    assert store.runs() == []
    assert len(store.to_pandas()) == 1
    with pytest.raises(StoreError, match=r"r1\.packs\.parquet: not a Parquet file.*holds timings"):
        store.packs()


def test_failed_cells_without_an_error_are_counted(writer):
    failed(writer, [sparse(0), sparse(1)], [None, None], "pack", traced=False)
    assert found(writer)["cells"].tolist() == [2]
