"""Several figures as the lettered parts of one, the width of a page."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from explorer.figures.base import FigureKind
from explorer.figures.style import PAGE_INCHES

# Parts share a row where that makes them no narrower than this share of what they want.
NARROWEST = 0.8

Part = tuple[FigureKind, Any]


def letters(count: int) -> list[str]:
    """a, b, … for several parts, and nothing for one."""
    return list(string.ascii_lowercase[:count]) if count > 1 else [""] * count


def composed(parts: Sequence[Part]) -> Figure:
    """Extracted data of several figures in one, in rows from the first; one part is a figure of its own size."""
    if len(parts) == 1:
        kind, data = parts[0]
        return kind.picture(data)
    sizes = [kind.size(data) for kind, data in parts]
    rows = _rows([width for width, _ in sizes])
    heights = [max(sizes[i][1] for i in row) for row in rows]
    drawn = Figure(figsize=(PAGE_INCHES, sum(heights)), layout="constrained")
    names = letters(len(parts))
    for band, row in zip(drawn.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0], rows, strict=True):
        widths = [sizes[i][0] for i in row]
        side = max(PAGE_INCHES - sum(widths), 0.0) / 2
        margins = [side] if side > 0 else []
        canvases = band.subfigures(
            1, len(row) + 2 * len(margins), width_ratios=[*margins, *widths, *margins], squeeze=False
        )
        for canvas, i in zip(canvases[0, len(margins) :], row, strict=False):
            kind, data = parts[i]
            kind.draw(data, canvas)
            canvas.text(0.004, 0.995, f"({names[i]})", ha="left", va="top", fontweight="bold")
    return drawn


def _rows(widths: Sequence[float]) -> list[list[int]]:
    """Which parts stand side by side, in their order."""
    rows: list[list[int]] = []
    for i, width in enumerate(widths):
        if rows and NARROWEST * (sum(widths[j] for j in rows[-1]) + width) <= PAGE_INCHES:
            rows[-1].append(i)
        else:
            rows.append([i])
    return rows
