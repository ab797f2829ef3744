"""The house style: serif maths, widths of a two-column page, colours that survive colour blindness and grey."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
from matplotlib.colors import Colormap

COLUMN_INCHES = 3.35
PAGE_INCHES = 6.9

# Okabe & Ito (2008), in an order whose greys differ.
BLUE, ORANGE, RED, GREY = "#0072B2", "#E69F00", "#D55E00", "#595959"
GREEN, SKY, PURPLE = "#009E73", "#56B4E9", "#CC79A7"
SEQUENTIAL = "cividis"

_SETTINGS: dict[Any, Any] = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.2,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 300,
    "figure.dpi": 150,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "explorer",
}


def diverging() -> Colormap:
    """The colours of signed values. Seaborn takes longer to import than most figures take to draw."""
    import seaborn as sns

    return sns.diverging_palette(250, 40, s=90, l=45, as_cmap=True)


def in_rows(count: int) -> tuple[int, int]:
    """Rows and columns of panels that stand side by side, at most three."""
    columns = min(count, 3)
    return -(-count // columns), columns


def small_multiples(count: int) -> tuple[int, int]:
    """Rows and columns of panels on one scale: at most three columns, and four panels in a square."""
    return (2, 2) if count == 4 else in_rows(count)


@contextlib.contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib in the house style for the length of a `with`, and as it was afterwards."""
    with mpl.rc_context(_SETTINGS):
        yield
