import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from explorer.errors import StoreError
from explorer.store import StoreWriter, open_store
from tests.store.parts import curves, outcomes, sparse


@pytest.fixture
def store(tmp_path):
    writer = StoreWriter(str(tmp_path / "store"))
    writer.create()
    cells = [sparse(seed, sparsity=p) for seed in range(3) for p in (0.2, 0.4)]
    writer.publish("a", outcomes(cells), curves(cells))
    pq.write_table(pa.table({"a": [1]}), tmp_path / "secret.parquet")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    return open_store(tmp_path / "store")


def test_query_aggregates_over_settings(store):
    found = store.sql(
        "SELECT sparsity, count(*) AS n, avg(loss) AS loss FROM cells GROUP BY sparsity ORDER BY sparsity"
    )
    assert found.to_pylist() == [{"sparsity": 0.2, "n": 3, "loss": 0.5}, {"sparsity": 0.4, "n": 3, "loss": 0.5}]


def test_cells_join_their_curves(store):
    found = store.sql("SELECT count(*) AS n FROM cells JOIN curves USING (cell_key) WHERE sparsity < 0.3 AND step = 2")
    assert found.to_pylist() == [{"n": 3}]


@pytest.mark.parametrize(
    "query",
    ["FROM cells", "DESCRIBE cells", "SUMMARIZE cells", "SHOW TABLES", "WITH c AS (FROM cells) SELECT * FROM c",
     "PIVOT cells ON status USING count(*) GROUP BY sparsity"],
)  # fmt: skip
def test_every_way_of_reading_is_understood(store, query):
    assert store.sql(query).num_rows > 0


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT sparsty FROM cells", 'sparsty.*not found(.|\n)*"sparsity"'),
        ("SELECT * FROM cell", 'cell does not exist(.|\n)*"cells"'),
        ("SELECT CAST('a' AS INT)", "Could not convert"),
        ("", "found nothing, expected one SELECT"),
        ("-- only a comment", "found nothing, expected one SELECT"),
    ],
)
def test_query_that_cannot_be_answered_is_refused_with_the_reason(store, query, message):
    with pytest.raises(StoreError, match=f"^query: (.|\n)*{message}"):
        store.sql(query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM '{here}/secret.parquet'",
        "SELECT * FROM read_parquet('{here}/secret.parquet')",
        "SELECT * FROM read_csv('{here}/secret.csv')",
        "SELECT * FROM read_text('{here}/secret.csv')",
        "SELECT * FROM read_text('{here}/store/store.json')",
        "SELECT * FROM read_parquet('{here}/store/cells/../../secret.parquet')",
        "SELECT * FROM read_parquet('{here}/store/cells/*.parquet')",
        "SELECT * FROM glob('{here}/*')",
        "SELECT * FROM read_csv('https://example.org/a.csv')",
        "COPY cells TO '{here}/out.csv'",
        "COPY cells FROM '{here}/secret.csv'",
        "EXPORT DATABASE '{here}/out'",
        "ATTACH '{here}/out.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "RESET enable_external_access",
        "SET lock_configuration = false",
        "PRAGMA enable_object_cache",
        "CREATE TABLE mine AS SELECT 1",
        "CREATE OR REPLACE VIEW cells AS SELECT 1 AS one",
        "DROP VIEW cells",
        "EXPLAIN ANALYZE DROP VIEW cells",
        "DELETE FROM cells",
        "SELECT 1; DROP VIEW cells",
        "BEGIN",
    ],
)
def test_query_reaches_nothing_but_the_tables_and_changes_nothing(store, tmp_path, query):
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StoreError, match=r"^query: "):
        store.sql(query.format(here=tmp_path))
    assert sorted(tmp_path.iterdir()) == before
    assert store.sql("SELECT count(*) AS n FROM cells").to_pylist() == [{"n": 6}]


def test_python_objects_cannot_be_seen(store):
    secret = pa.table({"a": [1]})
    assert secret.num_rows == 1
    with pytest.raises(StoreError, match="secret does not exist"):
        store.sql("SELECT * FROM secret")


def test_condition_and_column_names_are_confined_too(store, tmp_path):
    with pytest.raises(StoreError):
        store.arrow(where=f"seed IN (SELECT a FROM read_csv('{tmp_path}/secret.csv'))")
    with pytest.raises(StoreError):
        store.arrow(['seed" FROM cells; DROP VIEW cells; --'])
    assert store.sql("SELECT count(*) AS n FROM cells").to_pylist() == [{"n": 6}]


def test_times_are_in_utc(store):
    (row,) = store.sql("SELECT DISTINCT finished_at FROM cells").to_pylist()
    assert row["finished_at"].isoformat() == "2026-01-01T00:00:00+00:00"
