"""SQL over the store's tables, confined to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from explorer.errors import StoreError
from explorer.store.files import Files
from explorer.store.parts import ORIGIN, Unreadable, read_rows

# What leaves the tables as they are: SELECT, FROM, WITH, DESCRIBE, SUMMARIZE, SHOW; a PIVOT is several statements in one.
_READING = ("SELECT", "MULTI")
_DISTINCT = "SELECT count(*) = count(DISTINCT hash(cell_key)) FROM stored_cells"
_REPEATED = "SELECT cell_key FROM stored_cells GROUP BY cell_key HAVING count(*) > 1"
_RANKED = """
SELECT *, row_number() OVER (PARTITION BY cell_key ORDER BY status = 'failed', finished_at, pack_key) AS explorer_rank
FROM {rows}
"""
_SAME_PACK = """
SELECT count(*) FROM repeated AS first JOIN repeated AS other USING (cell_key, pack_key)
WHERE first.explorer_rank = 1 AND other.explorer_rank > 1
"""
_WITH_ROW = "CREATE VIEW {name} AS SELECT t.* FROM stored_{name} t SEMI JOIN cells USING (cell_key, pack_key)"
# Parts of an object store that are held in memory for all queries of a snapshot: two requests each, whatever is asked. A run that
# keeps its store tidy leaves fewer.
MOST_FETCHED = 4096
# Whether a cell is the best trial of its grid point.
BEST = "best"
# Trials of one grid point, those with a result before others, then by loss; equal ones in the order in which they ended.
_BEST = """
SELECT * EXCLUDE (explorer_counts) REPLACE (
  explorer_counts AND row_number() OVER (PARTITION BY {point} ORDER BY NOT explorer_counts, loss, finished_at, cell_key) = 1
  AS best)
FROM (SELECT *, status NOT IN ('failed', 'diverged') AND coalesce(isfinite(loss), false) AND {whole} AS explorer_counts
      FROM ({rows}))
"""
_WHOLE = "steps = max(steps) OVER (PARTITION BY {point})"
_TYPES = {pa.string(): "VARCHAR", pa.float64(): "DOUBLE", pa.int64(): "BIGINT", pa.bool_(): "BOOLEAN",
          pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ", pa.list_(pa.float32()): "FLOAT[]"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scan:
    """Files of one schema; of a merged file, the positions of the parts whose rows are left out. `fetched` are rows that are kept."""

    paths: Sequence[str]
    schema: pa.Schema
    left_out: Sequence[int] = ()
    fetched: list[pa.Table] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the union of scans, with the columns of `schema`, missing where a scan lacks them."""

    schema: pa.Schema
    scans: Sequence[Scan]


def connect(
    tables: Mapping[str, Table],
    files: Files,
    distinct: bool = False,
    filled: Mapping[str, str] = MappingProxyType({}),
    point: Sequence[str] | None = None,
    pruned: bool = False,
) -> Any:
    """A DuckDB connection that sees these tables and nothing else: no other files, no network, no Python objects.

    `distinct` says that no cell is known to stand in `cells` twice, without looking. `filled` gives an expression for columns of
    cells that some rows lack. `point` are the settings that trials of one grid point share, where there was a search; with `pruned`
    the trials that took the most steps are those that count.
    """
    import duckdb

    connection = duckdb.connect(":memory:", config={"python_enable_replacements": "false"})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("LOAD parquet")
    connection.execute("SET parquet_metadata_cache = true")
    try:
        native: list[str] = []
        for name, table in tables.items():
            native += _define(connection, f"stored_{name}", table, files)
        connection.execute(f"SET allowed_paths = {_listed(native)}")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        studies = sum(len(scan.paths) for scan in tables["planned"].scans)
        once = "DISTINCT" if studies > 1 else ""  # the keys of one study are distinct
        connection.execute(f"CREATE VIEW planned AS SELECT {once} cell_key FROM stored_planned")
        _define_cells(connection, distinct, filled, point, pruned)
        for name in tables.keys() & {"curves", "minimizers", "failures"}:
            connection.execute(_WITH_ROW.format(name=name))
    except duckdb.Error as error:
        raise Unreadable(f"the store's parts cannot be read: {error}") from error
    return connection


def _define(connection: Any, name: str, table: Table, files: Files) -> list[str]:
    """Make the view of a table; returns the files that DuckDB reads by itself, which takes a third of Arrow's time."""
    native: list[str] = []
    selects = []
    for number, scan in enumerate(table.scans):
        if files.local and not any(set("*?[{") & set(path) for path in scan.paths):
            native += scan.paths
            rows = f"read_parquet({_listed(scan.paths)}, hive_partitioning = false)"
        else:
            rows = f"{name}_{number}"
            connection.register(rows, _registered(scan, files, name != "stored_minimizers"))
        without = f" WHERE {ORIGIN} NOT IN ({', '.join(map(str, scan.left_out))})" if scan.left_out else ""
        selects.append(f"SELECT {_columns(table.schema, scan.schema)} FROM {rows}{without}")
    if not selects:
        selects = [f"SELECT {_columns(table.schema, pa.schema([]))} WHERE false"]
    connection.execute(f"CREATE VIEW {name} AS {' UNION ALL '.join(selects)}")
    return native


def _registered(scan: Scan, files: Files, small: bool) -> Any:
    """A scan for DuckDB to read through Arrow: small files of an object store fetched now, once, others when asked for."""
    if small and not files.local and 1 < len(scan.paths) <= MOST_FETCHED:
        if not scan.fetched:
            scan.fetched.append(pa.concat_tables(files.each(lambda path: read_rows(path, files), scan.paths)))
        return scan.fetched[0]
    import pyarrow.dataset as ds

    checked: Any = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    parquet: Any = ds.ParquetFileFormat(default_fragment_scan_options=checked)
    return ds.dataset(list(scan.paths), schema=scan.schema, format=parquet, filesystem=files.system)


def _columns(wanted: pa.Schema, there: pa.Schema) -> str:
    names = set(there.names)
    return ", ".join(
        quoted(field.name) if field.name in names else f"{_null(field.type)} AS {quoted(field.name)}"
        for field in wanted
    )


def _null(kind: pa.DataType) -> str:
    """A missing value; of a type that is none of ours, such as a plug-in's, the other scans say which."""
    return f"NULL::{_TYPES[kind]}" if kind in _TYPES else "NULL"


def _define_cells(
    connection: Any, distinct: bool, filled: Mapping[str, str], point: Sequence[str] | None, pruned: bool
) -> None:
    """The view `cells`: each cell once, the columns that older rows lack filled, the best trials marked."""
    replaced = ", ".join(f"{expression} AS {name}" for name, expression in filled.items())
    chosen = f"* REPLACE ({replaced})" if replaced else "*"
    rows = f"SELECT {chosen} FROM stored_cells"
    if not distinct:
        distinct = connection.execute(_DISTINCT).fetchall()[0][0]
    if not distinct:
        rows = _once(connection, rows)
    if point is not None:
        named = ", ".join(map(quoted, point)) or "1"
        whole = _WHOLE.format(point=named) if pruned else "true"
        rows = _BEST.format(point=named, whole=whole, rows=rows)
    connection.execute(f"CREATE VIEW cells AS {rows}")


def _once(connection: Any, rows: str) -> str:
    """These rows without those that another row of their cell beats. The few cells that stand twice are ranked once and kept."""
    ranked = _RANKED.format(rows=f"stored_cells WHERE cell_key IN ({_REPEATED})")
    connection.execute(f"CREATE TABLE repeated AS SELECT cell_key, pack_key, explorer_rank FROM ({ranked})")
    if connection.execute(_SAME_PACK).fetchall()[0][0]:  # pack_key does not tell the rows apart
        return f"SELECT * EXCLUDE (explorer_rank) FROM ({_RANKED.format(rows=f'({rows})')}) WHERE explorer_rank = 1"
    return f"SELECT * FROM ({rows}) ANTI JOIN (FROM repeated WHERE explorer_rank > 1) USING (cell_key, pack_key)"


def run_query(connection: Any, query: str) -> pa.Table:
    """The answer to one reading statement as an Arrow table; DuckDB's refusal as a StoreError.

    It is Unreadable where the cause may be the data as well as the query.
    """
    import duckdb

    asked = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException, duckdb.PermissionException,
             duckdb.ConversionException, duckdb.SyntaxException, duckdb.NotImplementedException)  # fmt: skip
    try:
        try:
            kinds = [statement.type.name for statement in connection.extract_statements(query)]
        except ValueError:  # kinds that DuckDB parses and its Python does not know, such as UPDATE EXTENSIONS
            kinds = ["another statement"]
        if len(kinds) != 1 or kinds[0] not in _READING:
            found = ", ".join(kinds) or "nothing"
            raise StoreError(f"query: found {found}, expected one SELECT over cells, curves, minimizers or failures.")
        return connection.sql(query).to_arrow_table()
    except asked as error:
        raise StoreError(f"query: {error}") from error
    except (duckdb.Error, pa.ArrowException, OSError, RuntimeError) as error:
        raise Unreadable(f"query: {error}") from error


def _listed(values: Sequence[str]) -> str:
    """An SQL list of strings."""
    return "[" + ", ".join("'" + value.replace("'", "''") + "'" for value in values) + "]"


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
