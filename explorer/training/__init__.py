"""Training: a pack of cells in, their minimizers out. No disk, no Ray."""

import os

# MKL otherwise chooses kernels by the alignment of a matrix, which depends on its place in the pack. MKL reads this at its
# first product. Numbers: docs/decisions/0002-rows-and-neighbours.md
os.environ.setdefault("MKL_CBWR", "AVX2")

from explorer.training.pack import PackRun
from explorer.training.result import CellResult, Status
from explorer.training.state import CellState

__all__ = ["CellResult", "CellState", "PackRun", "Status"]
