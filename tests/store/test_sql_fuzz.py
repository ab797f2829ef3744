"""Hostile SQL: whatever is asked, the answer is a table of the store's own data or a StoreError, and no file is touched."""

import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.errors import StoreError
from explorer.store import open_store

SECRET = "the-secret-of-this-test"
# {at} is a folder with a file in every format, each of which holds the secret; {store} is the store itself.
REFUSED = [
    *(f"SELECT * FROM {function}('{{at}}/secret.{suffix}')" for function, suffix in [
        ("read_csv", "csv"), ("read_csv_auto", "csv"), ("sniff_csv", "csv"), ("read_parquet", "parquet"),
        ("parquet_scan", "parquet"), ("parquet_metadata", "parquet"), ("parquet_schema", "parquet"), ("read_json", "json"),
        ("parquet_kv_metadata", "parquet"), ("parquet_file_metadata", "parquet"), ("read_json_auto", "json"), ("read_ndjson", "json"),
        ("read_text", "csv"), ("read_blob", "csv"), ("glob", "*"), ("read_xlsx", "csv"), ("iceberg_scan", "csv"),
    ]),
    "SELECT * FROM '{at}/secret.csv'", "SELECT * FROM '{at}/secret.parquet'", "SELECT * FROM \"{at}/secret.json\"",
    "SELECT * FROM '{store}/store.json'", "SELECT * FROM read_text('{store}/studies/*.yaml')", "FROM '{store}/cells/*.parquet'",
    "SELECT * FROM read_parquet(['{store}/cells/../../secret.parquet'])", "SELECT * FROM glob('/**')", "FROM '/etc/passwd'",
    "SELECT * FROM read_csv('file://{at}/secret.csv')", "SELECT * FROM read_text('/proc/self/environ')",
    "COPY cells TO '{at}/out.parquet'", "COPY (SELECT 1) TO '{at}/out.csv' (FORMAT csv)", "COPY cells FROM '{at}/secret.csv'",
    "EXPORT DATABASE '{at}/out'", "IMPORT DATABASE '{at}'", "ATTACH '{at}/out.db'", "ATTACH ':memory:' AS other", "DETACH memory",
    "USE memory", "INSTALL httpfs", "LOAD httpfs", "FORCE INSTALL json", "UPDATE EXTENSIONS", "SET allowed_paths = ['/']",
    "SET allowed_directories = ['/']", "SET enable_external_access = true", "RESET allowed_paths", "SET GLOBAL threads = 1",
    "SET memory_limit = '1KB'", "SET python_enable_replacements = true", "PRAGMA database_list", "PRAGMA enable_profiling = 'json'",
    "PRAGMA profiling_output = '{at}/out.json'", "SET profiling_output = '{at}/out'", "SET log_query_path = '{at}/out.log'",
    "SET temp_directory = '{at}/out'", "SET home_directory = '{at}'", "SET secret_directory = '{at}'", "CHECKPOINT", "VACUUM",
    "ANALYZE",
    "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')", "CREATE TABLE t AS SELECT 1", "CREATE TEMP TABLE t (a INT)",
    "CREATE MACRO m(a) AS a", "CREATE OR REPLACE VIEW cells AS SELECT 1 AS a", "CREATE SEQUENCE s", "CREATE TYPE t AS ENUM ('a')",
    "CREATE INDEX i ON repeated (cell_key)", "ALTER VIEW cells RENAME TO others", "DROP VIEW cells", "DROP TABLE IF EXISTS repeated",
    "INSERT INTO stored_cells SELECT * FROM cells", "UPDATE cells SET loss = 0", "DELETE FROM stored_cells", "TRUNCATE repeated",
    "MERGE INTO cells USING cells AS o ON false WHEN MATCHED THEN DELETE", "BEGIN", "COMMIT", "ROLLBACK", "PREPARE p AS SELECT 1",
    "EXECUTE p", "DEALLOCATE p", "CALL pragma_version()", "EXPLAIN ANALYZE COPY cells TO '{at}/out.csv'",
    "COMMENT ON VIEW cells IS 'a'",
    "SELECT 1; SELECT 2", "SELECT 1; DROP VIEW cells", "SELECT 1;;COPY cells TO '{at}/out.csv'",
    "SELECT /* ; */ 1; --\nDROP VIEW cells",
    "/* a */ DROP VIEW cells", "--\nCOPY cells TO '{at}/out.csv'", "SELECT getenv('HOME')", "SELECT getenv('PATH') FROM cells",
    "SELECT * FROM secret", "SELECT * FROM pandas", "SELECT * FROM sys.modules",
    "SELECT * FROM query('COPY cells TO ''{at}/out.csv''')",
    "SELECT * FROM query('SELECT * FROM read_text(''{at}/secret.csv'')')", "SELECT * FROM query_table('{at}/secret.csv')",
    "SELECT write_log('a') FROM nothing", "SELECT (SELECT content FROM read_text('{at}/secret.csv'))",
    "WITH t AS (DELETE FROM stored_cells RETURNING *) SELECT * FROM t", "PIVOT '{at}/secret.csv' ON a USING count(*)",
    "WITH t AS (FROM read_csv('{at}/secret.csv')) FROM t", "SELECT * FROM cells WHERE loss > (SELECT count(*) FROM glob('{at}/*'))",
    "SUMMARIZE '{at}/secret.csv'", "DESCRIBE '{at}/secret.parquet'", "SELECT", ";", "\x00", "SELECT '\x00", "SELECT \"", "(" * 5000,
    "SELECT " + "(" * 3000 + "1" + ")" * 3000, "SELECT '" + "x" * 100_000, "SELECT " + ",".join(["nothing"] * 5000),
]  # fmt: skip


@pytest.fixture(scope="module")
def place(whole, tmp_path_factory):
    """A store beside files that hold a secret."""
    at = tmp_path_factory.mktemp("sql")
    shutil.copytree(whole, at / "store")
    pq.write_table(pa.table({"a": [SECRET]}), at / "secret.parquet")
    (at / "secret.csv").write_text(f"a\n{SECRET}\n")
    (at / "secret.json").write_text(f'{{"a": "{SECRET}"}}')
    return at


@pytest.fixture(scope="module")
def store(place):
    return open_store(place / "store")


def files(place):
    return {path: path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


def filled(query, place):
    return query.replace("{at}", str(place)).replace("{store}", str(place / "store"))


@pytest.mark.parametrize("query", REFUSED, ids=lambda query: query[:40].encode("unicode_escape").decode())
def test_hostile_query_is_refused_and_has_no_effect(store, place, query):
    there = os.listdir(place)
    with pytest.raises(StoreError):
        store.sql(filled(query, place))
    assert os.listdir(place) == there


def test_after_all_of_them_store_and_files_are_as_they_were(store, place, whole, monkeypatch):
    monkeypatch.chdir(place)
    before = files(place)
    for query in REFUSED:
        with pytest.raises(StoreError):
            store.sql(filled(query, place))
    assert files(place) == before
    assert store.arrow().equals(open_store(whole).arrow())


PIECES = [
    "SELECT", "*", "FROM", "cells", "curves", "read_text('{at}/secret.csv')", "'{at}/secret.csv'", "WHERE", "COPY", "TO", ";", "--",
    "/*", "*/", "(", ")", "1", "'", '"', "UNION ALL", "getenv('HOME')", "WITH t AS", "loss", ",", "ATTACH", "DROP", "VIEW", "query(",
    "CREATE", "TABLE", "AS", "SET", "allowed_paths", "=", "[", "]", "{", "}", "::", "VARCHAR", "$1", "?", "\x00", "é", "EXPLAIN",
    "glob('{at}/*')", "PRAGMA", "LATERAL", "JOIN", "USING", "(cell_key)", "PIVOT", "ON", "status", "DESCRIBE", "read_blob", "IN",
]  # fmt: skip


@settings(max_examples=150, derandomize=True, database=None)
@given(words=st.lists(st.sampled_from(PIECES), min_size=1, max_size=9), leading=st.booleans())
def test_any_words_of_sql_are_answered_from_the_store_or_refused(store, place, words, leading):
    there = os.listdir(place)
    query = filled(" ".join(["SELECT * FROM", *words] if leading else words), place)
    try:
        answer = store.sql(query)
    except StoreError:
        answer = None
    assert os.listdir(place) == there
    assert answer is None or (
        SECRET not in str(answer.to_pylist()) and os.environ["HOME"] not in str(answer.to_pylist())
    )
