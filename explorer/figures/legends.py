"""One legend for all axes of a figure, in as many columns as its width holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

POINTS_PER_INCH = 72
# Of matplotlib's legends, in sizes of its font: handle and the space behind it, the space between columns, both borders.
HANDLE, BETWEEN, BORDERS = 2.8, 2.0, 1.0
MOST_COLUMNS = 6


def entries_of(axes: Iterable[Axes]) -> dict[str, Any]:
    """The handles of all axes by their text, each text once."""
    found: dict[str, Any] = {}
    for ax in axes:
        for handle, text in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(text, handle)
    return found


def columns_that_fit(texts: Sequence[str], inches: float) -> int:
    """The most columns of a legend of these texts that are no wider together than so many inches; at least one."""
    font = FontProperties(size=mpl.rcParams["legend.fontsize"])
    unit = font.get_size_in_points()
    widths = np.array([max(width_of(line, font) for line in text.split("\n")) for text in texts])
    for count in range(min(len(texts), MOST_COLUMNS), 1, -1):
        widest = sum(column.max() for column in np.array_split(widths, count))
        if widest + unit * (count * HANDLE + (count - 1) * BETWEEN + BORDERS) <= inches * POINTS_PER_INCH:
            return count
    return 1


def width_of(text: str, font: FontProperties) -> float:
    """Of a line of text, in points; 0 for an empty one."""
    return float(TextPath((0, 0), text, prop=font).get_extents().width) if text.strip() else 0.0


def shared_legend(
    canvas: FigureBase,
    entries: Mapping[str, Any],
    inches: float,
    place: Any = "outside lower center",
    title: str | None = None,
) -> None:
    """A legend of these entries outside the axes of a canvas that is so many inches wide; none where there are no entries."""
    if entries:
        columns = columns_that_fit(list(entries), inches)
        canvas.legend(list(entries.values()), list(entries), loc=place, ncols=columns, title=title, title_fontsize=8)
