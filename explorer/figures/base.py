"""What a figure is, what may be asked of it, and the list of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure, FigureBase

from explorer.figures.tables import parts_of
from explorer.registry import Registry
from explorer.store import Store


@dataclass(frozen=True, slots=True)
class Options:
    """What may be asked of a figure; each uses what concerns it.

    `where` is an SQL condition on `cells`; `x` and `y` are the axes, `value` the column in colour, `start` the init.
    """

    x: str = "sparsity"
    y: str = "rate"
    value: str = "localization"
    start: str = "random"
    where: str | None = None


@dataclass(frozen=True, slots=True)
class FigureKind:
    """A figure in steps: `extract` reads the store into plain data, `size` says the width and height in inches that these want,
    `draw` draws them on a canvas and reads nothing.

    The canvas is a figure, or a part of one that holds several. `tables` says the same data as tables, by name, for the files
    beside the picture; by default what `parts_of` finds in them.
    """

    extract: Callable[[Store, Options], Any]
    size: Callable[[Any], tuple[float, float]]
    draw: Callable[[Any, FigureBase], None]
    tables: Callable[[Any], Mapping[str, pd.DataFrame]] = parts_of

    def picture(self, data: Any) -> Figure:
        """The data in a figure of their own."""
        drawn = Figure(figsize=self.size(data), layout="constrained")
        self.draw(data, drawn)
        return drawn


figures: Registry[FigureKind] = Registry("figure", "explorer.figures")
