"""SQL over the store's tables, confined to them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from explorer.errors import StoreError

_ONCE = """
CREATE VIEW cells AS SELECT * EXCLUDE (explorer_rank) FROM (
    SELECT *, row_number() OVER (
        PARTITION BY cell_key ORDER BY status = 'failed', finished_at, pack_key
    ) AS explorer_rank FROM filled_cells
) WHERE explorer_rank = 1
"""
# What leaves the tables as they are: SELECT, FROM, WITH, DESCRIBE, SUMMARIZE, SHOW; a PIVOT is several statements in one.
_READING = ("SELECT", "MULTI")
_WITH_ROW = "CREATE VIEW {name} AS SELECT t.* FROM stored_{name} t SEMI JOIN cells USING (cell_key, pack_key)"


def connect(tables: Mapping[str, Any], filled: Mapping[str, str] = MappingProxyType({})) -> Any:
    """A DuckDB connection that sees these tables and nothing else: no files, no network, no Python objects.

    `filled` gives an expression for columns of cells that some rows lack.
    """
    import duckdb

    connection = duckdb.connect(":memory:", config={"python_enable_replacements": "false"})
    for name, table in tables.items():
        connection.register(f"stored_{name}", table)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    counts = connection.execute("SELECT count(*), count(DISTINCT cell_key) FROM stored_cells").fetchall()
    replaced = ", ".join(f"{expression} AS {name}" for name, expression in filled.items())
    chosen = f"* REPLACE ({replaced})" if replaced else "*"
    connection.execute(f"CREATE VIEW filled_cells AS SELECT {chosen} FROM stored_cells")
    connection.execute(_ONCE if counts[0][0] != counts[0][1] else "CREATE VIEW cells AS SELECT * FROM filled_cells")
    for name in tables:
        if name != "cells":
            connection.execute(_WITH_ROW.format(name=name))
    return connection


def run_query(connection: Any, query: str) -> pa.Table:
    """The answer to one reading statement as an Arrow table; DuckDB's refusal as a StoreError."""
    import duckdb

    try:
        kinds = [statement.type.name for statement in connection.extract_statements(query)]
        if len(kinds) != 1 or kinds[0] not in _READING:
            found = ", ".join(kinds) or "nothing"
            raise StoreError(f"query: found {found}, expected one SELECT over cells, curves or minimizers.")
        return connection.sql(query).to_arrow_table()
    except duckdb.Error as error:
        raise StoreError(f"query: {error}") from error


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
