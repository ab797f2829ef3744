"""The store: immutable Parquet parts, written whole, read while a study runs."""

from explorer.store.reader import Store, open_store
from explorer.store.writer import StoreWriter

__all__ = ["Store", "StoreWriter", "open_store"]
