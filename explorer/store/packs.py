"""Timings of packs, one table a run beside what the run says of itself: `runs/<run>.packs.parquet`, of the schema PACKS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from explorer.errors import StoreError
from explorer.records import PACKS
from explorer.store.files import Files

if TYPE_CHECKING:
    import pandas as pd

SUFFIX = ".packs.parquet"


def packs_file(run: str) -> str:
    """Where the packs of a run are kept."""
    return f"runs/{run}{SUFFIX}"


def read_packs(files: Files) -> pd.DataFrame:
    """The packs of all runs in the order in which they began. Raises StoreError where a table cannot be read."""
    tables = [PACKS.empty_table(), *(_read(files, path) for path in files.listing("runs", SUFFIX))]
    whole = pa.concat_tables(tables, promote_options="default").select(PACKS.names)
    return whole.sort_by([("begin", "ascending"), ("pack_key", "ascending")]).to_pandas()


def _read(files: Files, path: str) -> pa.Table:
    try:
        return pq.read_table(pa.BufferReader(files.read(path)))
    except (pa.ArrowException, OSError) as error:
        raise StoreError(
            f"{path}: not a Parquet file that can be read: {error}. Delete it: it holds timings of packs, and no outcomes."
        ) from error
