"""Image files as matrices: where a dataset lies, what its files hold, and rows that are scaled and split."""

from explorer.datasets.folders import find
from explorer.datasets.images import Images, load
from explorer.datasets.rows import Matrices, dimension_of, matrices

__all__ = ["Images", "Matrices", "dimension_of", "find", "load", "matrices"]
