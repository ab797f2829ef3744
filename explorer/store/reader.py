"""Reading a store: Arrow, pandas, SQL, and what is still to do."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute

from explorer.errors import StoreError
from explorer.records import SCHEMA_VERSION, STATUSES, observables_of, settings_of
from explorer.registry import nearest
from explorer.store.damage import newer, ours, read_run, refusal
from explorer.store.failures import kinds_of_failure
from explorer.store.files import Files, Unreachable
from explorer.store.packs import read_packs
from explorer.store.parts import Unreadable
from explorer.store.rounds import Round, read_rounds
from explorer.store.searched import Searched
from explorer.store.snapshot import Snapshot
from explorer.store.sql import BEST, quoted
from explorer.store.studies import read_texts

if TYPE_CHECKING:
    import pandas as pd


class Keyed(Protocol):
    """Anything with a cell key."""

    key: Any


pc: Any = pyarrow.compute  # its functions are made at import, out of a type checker's sight

SILENT_AFTER_SECONDS = 120
_COUNTS = """
SELECT status, count(*) AS cells, count(planned.cell_key) AS done, (SELECT count(*) FROM planned) AS planned
FROM cells FULL JOIN planned USING (cell_key) GROUP BY status
"""

K = TypeVar("K", bound=Keyed)
T = TypeVar("T")


class Store:
    """The outcomes of one or more studies, as they stood when this object was made; `refresh()` looks again.

    Each cell appears once: where two runs wrote the same cell, the earliest row that is not `failed` counts, and
    the curves and minimizers are those written with that row. Where files have meanwhile been merged and deleted
    (`explorer compact`), it looks again by itself, and then shows what there is now.

    A damaged file is never passed over. What reads it raises StoreError, which names every damaged file and says how to mend
    the store (`explorer repair`). On a disk the checksums of the files that a query reads are compared first, but for curves or
    minimizers of more than 256 MiB; elsewhere those of the pages that it reads. Files that are not of a store are left alone.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.files = Files(root)
        if not self.files.exists("store.json"):
            if self.files.bucket_missing():
                bucket = self.files.root.split("/")[0]
                raise StoreError(f"{self.files.name}: there is no bucket {bucket}; expected one that exists.")
            raise StoreError(
                f"{self.files.name}: no store here (no store.json); expected a directory that explorer run made.{self._near()}"
            )
        self.version = self._version()
        if self.version > SCHEMA_VERSION:
            raise newer(self.files, self.version)
        self._snapshot = Snapshot(self.files)

    def _version(self) -> int:
        try:
            return int(json.loads(self.files.read(self.files.path("store.json")))["explorer_store"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise StoreError(
                f'{self.files.name}: store.json is damaged; expected {{"explorer_store": {SCHEMA_VERSION}}}. '
                f"explorer repair {self.files.name} writes it again."
            ) from error

    def _near(self) -> str:
        """A store inside the directory that was named, or beside it under a similar name."""
        if not self.files.local:
            return ""
        if next(ours(self.files), None):
            return f" Its other files are here: explorer repair {self.files.name} writes it again."
        here, (above, name) = self.files.root, os.path.split(self.files.root)
        for inside in _stores(here)[:1]:
            return f' Did you mean "{self.files.name.rstrip("/")}/{inside}"?'
        return nearest(name, _stores(above))

    def refresh(self) -> Store:
        """The store as it stands now."""
        return Store(self.files.address)

    def _see(self, look: Callable[[Snapshot], T]) -> T:
        """What `look` finds in the files; once more in those there are now, where some of them have been deleted since."""
        try:
            return look(self._snapshot)
        except Unreachable:
            raise
        except Unreadable as error:
            if not self._snapshot.vanished():
                raise refusal(self.files, error) from error
        except StoreError:
            if not self._snapshot.vanished():
                raise
        except FileNotFoundError:
            pass
        self._snapshot = Snapshot(self.files)
        try:
            return look(self._snapshot)
        except FileNotFoundError as error:
            raise StoreError(f"{self.files.name}: files are deleted as fast as they are read: {error}") from error
        except Unreadable as error:
            raise refusal(self.files, error) from error

    @property
    def schema(self) -> pa.Schema:
        """The columns of `cells`: the union over its parts."""
        return self._see(lambda seen: seen.schema)

    @property
    def parts(self) -> int:
        """How many files of cells are read; `explorer compact` makes them few."""
        return len(self._see(lambda seen: seen.sources("cells"))[0])

    @property
    def settings(self) -> list[str]:
        """The columns that are settings."""
        return settings_of(self.schema)

    @property
    def observables(self) -> list[str]:
        """The columns that are observables."""
        return observables_of(self.schema)

    @property
    def searched(self) -> Searched:
        """The settings that studies run into the store searched over; none where there was no search."""
        return self._see(lambda seen: seen.searched)

    def chosen(self, where: str | None = None, trials: str = BEST) -> str | None:
        """An SQL condition for the rows where `where` holds that are the best trial of their grid point.

        `trials` may also be `default`, the grid's own cells, whose searched settings are at their defaults, or `all`. Without a search
        all rows are chosen. Raises StoreError for another name.
        """
        conditions = {BEST: BEST, "default": "cell_key IN (SELECT cell_key FROM stored_grid)", "all": None}
        if trials not in conditions:
            raise StoreError(
                f'trials: found "{trials}", expected one of {", ".join(conditions)}.{nearest(trials, conditions)}'
            )
        condition = conditions[trials] if self.searched.over else None
        return " AND ".join(f"({part})" for part in (where, condition) if part) or None

    def columns_of(self, pack_key: str) -> set[str]:
        """The columns of the part that this pack wrote."""
        return self._see(lambda seen: seen.columns_of(pack_key))

    def sql(self, query: str) -> pa.Table:
        """The answer to a DuckDB SQL query over the tables `cells`, `curves`, `minimizers` and `failures`.

        Raises StoreError where the query does not parse, names an unknown column, or reaches outside the store.
        """
        return self._see(lambda seen: seen.query(query))

    def arrow(self, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table:
        """The cells as an Arrow table: all columns or those named, all rows or those where the SQL condition holds."""
        chosen = "*" if columns is None else ", ".join(quoted(c) for c in columns)
        return self.sql(f"SELECT {chosen} FROM cells" + (f" WHERE {where}" if where else "") + " ORDER BY cell_key")

    def to_pandas(self, columns: Sequence[str] | None = None, where: str | None = None) -> pd.DataFrame:
        """The cells as a pandas frame, sorted by key; see `arrow`."""
        return self.arrow(columns, where).to_pandas()

    def outcomes(self, results: Sequence[str], where: str | None = None, trials: str = BEST) -> pd.DataFrame:
        """These columns of the cells, as far as there are, and all settings: what analysis takes, in no promised order.

        A setting that is the same in all rows and is not named is one category, whatever its type: it is not read. Of a search
        there is the best trial of each grid point (see `chosen`), and what was searched over, unless it is named, is missing:
        it tells no groups apart.
        """
        import numpy as np
        import pandas as pd

        where = self.chosen(where, trials)
        condition = f" WHERE {where}" if where else ""
        ends = ", ".join(f"min({quoted(n)}), max({quoted(n)}), count({quoted(n)})" for n in self.settings)
        counted = self.sql(f"SELECT count(*){', ' * bool(ends)}{ends} FROM cells{condition}").to_pydict()
        rows, *found = (column[0] for column in counted.values())
        same = {
            name: low
            for name, low, high, count in zip(self.settings, found[::3], found[1::3], found[2::3], strict=True)
            if (count == rows and low == high) or not count
        }
        if trials == BEST:
            same |= {name: None for name in self.searched.over if name in self.settings and name not in results}
        wanted = [name for name in self.schema.names if name in {*self.settings, *results} and name not in same]
        chosen = ", ".join(quoted(name) for name in wanted) or "true AS nothing"
        frame = self.sql(f"SELECT {chosen} FROM cells{condition}").to_pandas()
        for name, value in same.items():
            if name not in results or value is None or isinstance(value, str):
                codes = np.full(len(frame), -1 if value is None else 0, dtype=np.int8)
                frame[name] = pd.Categorical.from_codes(codes, [] if value is None else [value])  # type: ignore[arg-type]
            else:
                frame[name] = value
        return frame[[name for name in self.schema.names if name in frame.columns]]

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
        return set(self._done(retry_failed).to_pylist())

    def _done(self, retry_failed: bool) -> pa.ChunkedArray:
        where = " WHERE status <> 'failed'" if retry_failed else ""
        return self.sql(f"SELECT cell_key FROM cells{where}").column("cell_key")

    def missing(self, cells: Iterable[K], retry_failed: bool = False) -> list[K]:
        """The cells without a row: to do = cells(study) − keys(store). Millions of keys are compared outside Python."""
        asked = list(cells)
        wanted = pa.array([cell.key for cell in asked], pa.string())
        there = pc.is_in(wanted, value_set=self._done(retry_failed))
        return [cell for cell, done in zip(asked, there.to_pylist(), strict=True) if not done]

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
        return self._see(lambda seen: read_texts(seen.files))

    def rounds(self, study: str | None = None) -> list[Round]:
        """What refinement and search proposed, in that order: of the study with this name, or of all (see `study_name`)."""
        return self._see(lambda seen: list(read_rounds(seen.files, study)))

    def planned_keys(self) -> set[str]:
        """The cells that the studies run into this store ask for."""
        return set(self.sql("SELECT cell_key FROM planned").column("cell_key").to_pylist())

    def status(self) -> dict[str, Any]:
        """How far the store is: cells planned, done by status, to do; what the latest run last said of itself.

        `state` is running, finished, interrupted or stopped as that run wrote it, and silent where a running one has not
        been heard of for two minutes (it was killed, or its clock differs). `parts` are the files of cells that are read, `replaced`
        those that `explorer compact` will delete.
        """
        found = self.sql(_COUNTS).to_pylist()
        counts = dict.fromkeys(STATUSES, 0) | {row["status"]: row["cells"] for row in found if row["status"]}
        planned = found[0]["planned"] if found else 0
        done = sum(row["done"] for row in found if row["status"])
        counted, replaced = self._see(lambda seen: seen.sources("cells"))
        latest = max(self.runs(), key=lambda run: run.get("started_at", ""), default={})
        state = latest.get("state", "never run")
        if state == "running" and _age(latest.get("updated_at")) > SILENT_AFTER_SECONDS:
            state = "silent"
        return {
            "store": self.files.name,
            "planned": planned,
            "done": done,
            "missing": planned - done,
            "cells": sum(counts.values()),
            **counts,
            "parts": len(counted),
            "replaced": len(replaced),
            "state": state,
            "cells_per_second": latest.get("rate"),
            "seconds_left": latest.get("seconds_left") if state == "running" else None,
            "packs_in_training": latest.get("training") if state == "running" else None,
            "host": latest.get("host"),
            "updated_at": latest.get("updated_at"),
            "seconds_since": round(_age(latest.get("updated_at"))) if latest else None,
        }

    def failures(self) -> pd.DataFrame:
        """What went wrong: one row for each kind of failure, the most frequent first, and one for diverged cells.

        Columns: `status`; `kind`, the error without what differs between cells (numbers, addresses, temporary names); `cells`,
        how many; `shared`, the settings that all of them share and other cells of the store do not; `cell_key`, an example;
        of the example the `settings` that vary in the store, the `error`, and the `traceback`, which is missing of diverged cells.
        """
        return kinds_of_failure(self)

    def packs(self) -> pd.DataFrame:
        """The packs that were trained to their end, of all runs, in the order in which they began.

        Columns as in `explorer.records.PACKS`. A run writes them at its end and at most once a minute before: of a run that was
        killed the last may lack. Of a pack with more cells than slots the rows are published under several keys, and the
        `pack_key` here is none of them.
        """
        return read_packs(self.files)

    def runs(self) -> list[dict[str, Any]]:
        """What every run says of itself, oldest first; of a note that is damaged, the run's name and the state `unreadable`."""
        paths = self.files.listing("runs", ".json")
        return [read_run(path, text) for path, text in zip(paths, self.files.read_all(paths), strict=True)]


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
