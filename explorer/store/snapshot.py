"""The files of a store at one moment, and what is read from them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa

from explorer.errors import StoreError
from explorer.records import (
    CURVES,
    FAILURES,
    IDENTITY,
    MINIMIZERS,
    RESULT,
    SETTING,
    YOUNGER,
    observables_of,
    outcome_schema,
    settings_of,
    younger_columns,
)
from explorer.store.damage import flaw_of_columns
from explorer.store.files import Files, Unreachable
from explorer.store.parts import (
    SUFFIX,
    Source,
    Unreadable,
    digest_of,
    is_ours,
    name_of,
    read_schema,
    settled,
    sources,
    unreadable,
)
from explorer.store.rounds import is_plan, is_round
from explorer.store.seal import flaw_of_file
from explorer.store.searched import Searched, read_searched
from explorer.store.sql import BEST, Scan, Table, connect, run_query
from explorer.store.studies import read_texts

PLANNED = pa.schema([pa.field("cell_key", pa.string())])
# Curves and minimizers that take more on a disk are not read whole for a query of a few rows.
CHECKED_BYTES = 2**28
FIXED = {"curves": CURVES, "minimizers": MINIMIZERS, "failures": FAILURES}


class Snapshot:
    """One listing of a store's files. What it reads later may be gone by then: FileNotFoundError, or DuckDB's error of one."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.listing = self._list()
        self._sources: dict[str, tuple[list[Source], list[Source]]] = {}
        self._connections: dict[tuple[str, ...], Any] = {}
        self._checked: set[str] = set()
        self._scanned: dict[str, list[Scan]] = {}

    def _list(self) -> dict[str, list[str]]:
        return {folder: list(filter(is_ours, self.files.listing(folder, SUFFIX))) for folder in ("cells", *FIXED)}

    def vanished(self) -> bool:
        """Whether a file that was listed is gone."""
        now = self._list()
        return any(set(paths) - set(now[folder]) for folder, paths in self.listing.items())

    def sources(self, folder: str) -> tuple[list[Source], list[Source]]:
        """The files of a folder that count, and those for which a merged file or a later publish stands."""
        if folder not in self._sources:
            self._sources[folder] = settled(sources(self.listing[folder], self.files))
        return self._sources[folder]

    @cached_property
    def searched(self) -> Searched:
        """What the studies that were run into the store searched over."""
        return read_searched(read_texts(self.files))

    @cached_property
    def schemas(self) -> dict[str, pa.Schema]:
        """The schemas that parts of cells had when they were published, by digest; one footer each is read."""
        counted, _ = self.sources("cells")
        found = {digest: schema for source in counted for digest, schema in source.schemas.items()}
        one_each = {digest_of(source.parts[0]): source.path for source in counted if not source.merged}
        for digest, path in one_each.items():
            schema = read_schema(path, self.files)
            wrong = flaw_of_columns(schema, digest)
            if wrong:
                raise unreadable(path, wrong)
            found.setdefault(digest, schema)
        return found

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of `cells`: the union over its parts, and which trial is the best of its point where there was a search."""
        schemas = list(self.schemas.values())
        try:
            younger = [pa.field(name, YOUNGER[name][0], metadata=SETTING) for name in younger_columns(schemas)]
            merged = pa.unify_schemas([*schemas, outcome_schema([]), pa.schema(younger)])
        except pa.ArrowException as error:
            raise StoreError(f"{self.files.name}: its parts disagree on the type of a column: {error}") from error
        first = [field.name for field in IDENTITY]
        results = [field.name for field in RESULT]
        order = [*first, *sorted(settings_of(merged)), *results, *observables_of(merged)]
        order += [name for name in merged.names if name not in order]
        best = [pa.field(BEST, pa.bool_())] if self.searched.over else []
        return pa.schema([*(merged.field(name) for name in order), *best])

    def columns_of(self, pack_key: str) -> set[str]:
        """The columns of the part that this pack wrote."""
        counted, _ = self.sources("cells")
        parts = [part for source in counted for part in source.counted]
        digests = {digest_of(part) for part in parts if name_of(part).rpartition("-")[2] == pack_key}
        return {name for digest in digests for name in self.schemas[digest].names}

    def query(self, text: str) -> pa.Table:
        """The answer to a query over `cells`, `curves`, `minimizers`, `failures`, and as `stored_…` what stands in the parts.

        Tables that it does not name are not looked at, unless it fails.
        """
        named = tuple(name for name in FIXED if name in text.lower())
        if "cells" in text.lower() and len(named) < len(FIXED):
            try:
                return run_query(self._connection(named), text)
            except (Unreadable, Unreachable):
                raise
            except StoreError:
                if self.vanished():
                    raise
        return run_query(self._connection(tuple(FIXED)), text)

    def _connection(self, folders: tuple[str, ...]) -> Any:
        if folders not in self._connections:
            plans = list(filter(is_plan, self.files.listing("studies", ".keys.parquet")))
            self._check({folder: [s.path for s in self.sources(folder)[0]] for folder in ("cells", *folders)}, plans)
            rounds = [path for path in plans if is_round(path)]
            grids = [path for path in plans if not is_round(path)]
            tables = {
                "cells": Table(self.schema, self._scans("cells")),
                **{folder: Table(FIXED[folder], self._scans(folder)) for folder in folders},
                "planned": Table(PLANNED, [Scan(paths, PLANNED) for paths in (grids, rounds) if paths]),
                "grid": Table(PLANNED, [Scan(grids, PLANNED)] if grids else []),
            }
            counted, _ = self.sources("cells")
            distinct = not counted or (len(counted) == 1 and counted[0].distinct)
            younger = younger_columns(list(self.schemas.values()))
            point = self.searched.point(settings_of(self.schema)) if self.searched.over else None
            self._connections[folders] = connect(tables, self.files, distinct, younger, point, self.searched.pruned)
        return self._connections[folders]

    def _check(self, paths: Mapping[str, Sequence[str]], plans: Sequence[str]) -> None:
        """Raise Unreadable where the seal of a file that DuckDB will read by itself is broken, in tables that are small enough."""
        if not self.files.local:  # there the pages are checked as they are read
            return
        for folder, files in {**paths, "studies": plans}.items():
            fresh = [path for path in files if path not in self._checked]
            if sum(map(os.path.getsize, fresh)) > CHECKED_BYTES and folder not in ("cells", "studies"):
                continue
            for path in fresh:
                flaw = flaw_of_file(path)
                if flaw:
                    raise unreadable(path, flaw)
                self._checked.add(path)

    def _scans(self, folder: str) -> list[Scan]:
        if folder not in self._scanned:
            self._scanned[folder] = self._scan(folder)
        return self._scanned[folder]

    def _scan(self, folder: str) -> list[Scan]:
        """The files of a folder that count: one scan for the parts of each schema, one for each merged file."""
        counted, _ = self.sources(folder)
        merged = [
            Scan([source.path], source.schema, source.left_out) for source in counted if source.schema is not None
        ]
        together: dict[str, list[str]] = {}
        for source in counted:
            if not source.merged:
                together.setdefault(digest_of(source.parts[0]) if folder == "cells" else "", []).append(source.path)
        return [*merged, *(Scan(paths, FIXED.get(folder) or self.schemas[d]) for d, paths in together.items())]
