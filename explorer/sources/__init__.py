"""Sources: the law of the data x, one file each."""

from explorer.sources.base import Source, sources

__all__ = ["Source", "sources"]
