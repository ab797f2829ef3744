"""Training: a pack of cells in, their minimizers out. No disk, no Ray."""

from explorer.training.pack import PackRun
from explorer.training.result import CellResult, Status

__all__ = ["CellResult", "PackRun", "Status"]
