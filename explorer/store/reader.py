"""Reading a store: Arrow, pandas, SQL, and what is still to do."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from explorer.errors import StoreError
from explorer.records import (
    CURVES,
    IDENTITY,
    MINIMIZERS,
    RESULT,
    SCHEMA_VERSION,
    SETTING,
    STATUSES,
    YOUNGER,
    observables_of,
    outcome_schema,
    settings_of,
    younger_columns,
)
from explorer.registry import nearest
from explorer.store.files import Files
from explorer.store.sql import connect, quoted, run_query

if TYPE_CHECKING:
    import pandas as pd


class Keyed(Protocol):
    """Anything with a cell key."""

    key: Any


SILENT_AFTER_SECONDS = 120

K = TypeVar("K", bound=Keyed)


class Store:
    """The outcomes of one or more studies, as they stood when this object was made; `refresh()` looks again.

    Each cell appears once: where two runs wrote the same cell, the earliest row that is not `failed` counts, and
    the curves and minimizers are those written with that row.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.files = Files(root)
        if not self.files.exists("store.json"):
            raise StoreError(
                f"{self.files.name}: no store here (no store.json); expected a directory that explorer run made.{self._near()}"
            )
        version = self._version()
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.files.name}: written with schema version {version}, and this explorer reads up to {SCHEMA_VERSION}; "
                "upgrade explorer."
            )

        self._parts = self.files.listing("cells", ".parquet")

    def _version(self) -> int:
        try:
            return int(json.loads(self.files.read(self.files.path("store.json")))["explorer_store"])
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f'{self.files.name}: store.json is damaged; expected {{"explorer_store": {SCHEMA_VERSION}}}.'
            ) from error

    def _near(self) -> str:
        """A store inside the directory that was named, or beside it under a similar name."""
        if not self.files.local:
            return ""
        here, (above, name) = self.files.root, os.path.split(self.files.root)
        for inside in _stores(here)[:1]:
            return f' Did you mean "{self.files.name.rstrip("/")}/{inside}"?'
        return nearest(name, _stores(above))

    def refresh(self) -> Store:
        """The store as it stands now."""
        return Store(self.files.name)

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of `cells`: the union over its parts."""
        schemas = self._schemas
        try:
            younger = [pa.field(name, YOUNGER[name][0], metadata=SETTING) for name in younger_columns(schemas)]
            merged = pa.unify_schemas([*schemas, outcome_schema([]), pa.schema(younger)])
        except pa.ArrowException as error:
            raise StoreError(f"{self.files.name}: its parts disagree on the type of a column: {error}") from error
        first = [field.name for field in IDENTITY]
        results = [field.name for field in RESULT]
        order = [*first, *sorted(settings_of(merged)), *results, *observables_of(merged)]
        order += [name for name in merged.names if name not in order]
        return pa.schema([merged.field(name) for name in order])

    @cached_property
    def _schemas(self) -> list[pa.Schema]:
        """The distinct schemas of the parts."""
        # part-<digest of the schema>-<pack key>.parquet
        one_per_schema = {os.path.basename(path).rpartition("-")[0]: path for path in self._parts}
        return [self._footer(path) for path in one_per_schema.values()]

    def columns_of(self, pack_key: str) -> set[str]:
        """The columns of the part that this pack wrote."""
        paths = [path for path in self._parts if path.endswith(f"-{pack_key}.parquet")]
        return {name for path in paths for name in self._footer(path).names}

    def _footer(self, path: str) -> pa.Schema:
        try:
            return pq.read_schema(path, filesystem=self.files.system)
        except (pa.ArrowException, OSError) as error:
            raise StoreError(
                f"{path}: not a Parquet file that can be read: {error}. Delete it and run the study again: its cells are trained anew."
            ) from error

    @cached_property
    def settings(self) -> list[str]:
        """The columns that are settings."""
        return settings_of(self.schema)

    @cached_property
    def observables(self) -> list[str]:
        """The columns that are observables."""
        return observables_of(self.schema)

    def _dataset(self, paths: Sequence[str], schema: pa.Schema) -> ds.Dataset | pa.Table:
        if not paths:
            return schema.empty_table()
        return ds.dataset(list(paths), schema=schema, format="parquet", filesystem=self.files.system)

    @cached_property
    def _connection(self) -> Any:
        return connect({
            "cells": self._dataset(self._parts, self.schema),
            "curves": self._dataset(self.files.listing("curves", ".parquet"), CURVES),
            "minimizers": self._dataset(self.files.listing("minimizers", ".parquet"), MINIMIZERS),
        }, younger_columns(self._schemas))  # fmt: skip

    def sql(self, query: str) -> pa.Table:
        """The answer to a DuckDB SQL query over the tables `cells`, `curves` and `minimizers`.

        Raises StoreError where the query does not parse, names an unknown column, or reaches outside the store.
        """
        return run_query(self._connection, query)

    def arrow(self, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table:
        """The cells as an Arrow table: all columns or those named, all rows or those where the SQL condition holds."""
        chosen = "*" if columns is None else ", ".join(quoted(c) for c in columns)
        return self.sql(f"SELECT {chosen} FROM cells" + (f" WHERE {where}" if where else "") + " ORDER BY cell_key")

    def to_pandas(self, columns: Sequence[str] | None = None, where: str | None = None) -> pd.DataFrame:
        """The cells as a pandas frame, sorted by key; see `arrow`."""
        return self.arrow(columns, where).to_pandas()

    def with_theory(self, columns: Sequence[str] | None = None, where: str | None = None) -> pd.DataFrame:
        """The frame of `to_pandas` with one column `theory_<name>` for every prediction that is known for any of its rows.

        Names: `loss` (of the row's own architecture), `pca`, `linear`, `identity`, `tie_broken_identity`, `mixed`, `denoiser`,
        `multilayer`, `shannon`; joined by the rows' settings, also those that `columns` leaves out, and NaN where no formula is
        known. See `explorer.theory.predicted_limits`.
        """
        from explorer.theory import LIMITS, predicted_limits

        wanted = None if columns is None else list(dict.fromkeys([*columns, *self.settings]))
        table = self.arrow(wanted, where)
        known = [predicted_limits(row) for row in table.select(self.settings).to_pylist()]
        frame = table.select(table.column_names if columns is None else list(columns)).to_pandas()
        for name in LIMITS:
            if any(name in limits for limits in known):
                frame[f"theory_{name}"] = [limits.get(name, float("nan")) for limits in known]
        return frame

    def keys(self, retry_failed: bool = False) -> set[str]:
        """The keys that need no more work."""
        where = "status <> 'failed'" if retry_failed else None
        return set(self.arrow(["cell_key"], where).column("cell_key").to_pylist())

    def missing(self, cells: Iterable[K], retry_failed: bool = False) -> list[K]:
        """The cells without a row: to do = cells(study) − keys(store)."""
        done = self.keys(retry_failed)
        return [cell for cell in cells if cell.key not in done]

    def minimizer(self, cell_key: str) -> dict[str, Any]:
        """The kept matrices of one cell, by name."""
        rows = self.sql(f"SELECT * FROM minimizers WHERE cell_key = '{_checked(cell_key)}'").to_pylist()
        if not rows:
            raise StoreError(
                f"{self.files.name}: no minimizer of cell {cell_key} is kept; "
                "run the study with keep: {minimizers: true} into a new store."
            )
        import numpy as np

        return {r["name"]: np.array(r["values"], dtype=np.float32).reshape(r["rows"], r["columns"]) for r in rows}

    def study_texts(self) -> list[str]:
        """The YAML of every study that was run into this store."""
        return [self.files.read(path).decode() for path in self.files.listing("studies", ".yaml")]

    def planned_keys(self) -> set[str]:
        """The cells that the studies run into this store ask for."""
        keys: set[str] = set()
        for path in self.files.listing("studies", ".keys.parquet"):
            keys.update(pq.read_table(path, filesystem=self.files.system).column("cell_key").to_pylist())
        return keys

    def status(self) -> dict[str, Any]:
        """How far the store is: cells planned, done by status, to do; what the latest run last said of itself.

        `state` is running, finished, interrupted or stopped as that run wrote it, and silent where a running one has not
        been heard of for two minutes (it was killed, or its clock differs).
        """
        planned = self.planned_keys()
        rows = self.arrow(["cell_key", "status"])
        keys, statuses = rows.column("cell_key").to_pylist(), rows.column("status").to_pylist()
        done = len(planned.intersection(keys))
        latest = max(self.runs(), key=lambda run: run.get("started_at", ""), default={})
        counts = {name: statuses.count(name) for name in STATUSES}
        state = latest.get("state", "never run")
        if state == "running" and _age(latest.get("updated_at")) > SILENT_AFTER_SECONDS:
            state = "silent"
        return {
            "store": self.files.name,
            "planned": len(planned),
            "done": done,
            "missing": len(planned) - done,
            "cells": len(keys),
            **counts,
            "parts": len(self._parts),
            "state": state,
            "cells_per_second": latest.get("rate"),
            "seconds_left": latest.get("seconds_left") if state == "running" else None,
            "host": latest.get("host"),
            "updated_at": latest.get("updated_at"),
            "seconds_since": round(_age(latest.get("updated_at"))) if latest else None,
        }

    def runs(self) -> list[dict[str, Any]]:
        """What every run says of itself, oldest first."""
        return [json.loads(self.files.read(path)) for path in self.files.listing("runs", ".json")]


def _stores(folder: str) -> list[str]:
    if not os.path.isdir(folder):
        return []
    return sorted(d for d in os.listdir(folder) if os.path.exists(f"{folder}/{d}/store.json"))


def _age(moment: str | None) -> float:
    """Seconds since a moment in ISO form; none for none."""
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds() if moment else 0.0


def _checked(cell_key: str) -> str:
    if not cell_key.isalnum():
        raise StoreError(f'"{cell_key}" is not a cell key; expected 20 hexadecimal digits.')
    return cell_key


def open_store(path: str | os.PathLike[str]) -> Store:
    """Open a store for reading: a directory, or a URI such as s3://bucket/study.

    Raises StoreError where there is none.
    """
    return Store(path)
