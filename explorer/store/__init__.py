"""The store: immutable Parquet parts, written whole, read while a study runs."""

from explorer.store.reader import Store, open_store
from explorer.store.rounds import Round
from explorer.store.studies import study_name
from explorer.store.writer import StoreWriter

__all__ = ["Round", "Store", "StoreWriter", "open_store", "study_name"]
