"""What a figure is, what may be asked of it, and the list of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

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
    """A figure in two steps: `extract` reads the store into plain data, `draw` makes the picture and reads nothing."""

    extract: Callable[[Store, Options], Any]
    draw: Callable[[Any], Figure]


figures: Registry[FigureKind] = Registry("figure", "explorer.figures")
