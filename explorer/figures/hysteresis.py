"""The loop of two starts: order parameter and loss along one axis, where each start leaves its branch, and the crossing between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from explorer.analysis import fit_boundary
from explorer.analysis.grid import scale
from explorer.axes import label, symbol
from explorer.figures.base import FigureKind, Options, figures
from explorer.figures.legends import entries_of, shared_legend
from explorer.figures.naming import name_phases, shared_phases
from explorer.figures.selection import cells, combination, levels
from explorer.figures.series import banded, keep_in_bounds, seed_means
from explorer.figures.style import BLUE, COLUMN_INCHES, GREY, ORANGE, PAGE_INCHES, RED
from explorer.store import Store

MOST_COLUMNS = 4
STARTS = {"random": (BLUE, "o"), "identity": (ORANGE, "^")}
OTHERS = ((BLUE, "o"), (ORANGE, "^"), (GREY, "d"))


@dataclass(frozen=True)
class Panel:
    """One value of y: seed means with intervals by start, the row of the estimator `hysteresis`, and stretches of phases."""

    title: str
    order: pd.DataFrame
    losses: pd.DataFrame
    loop: pd.Series
    phases: pd.DataFrame


@dataclass(frozen=True)
class Hysteresis:
    panels: list[Panel]
    options: Options


def extract(store: Store, options: Options) -> Hysteresis:
    """Means over seeds of the order parameter, `options.value`, and of the loss by (y, start, x), and what they say of the loop."""
    x, y, order = options.x, options.y, options.value
    table = cells(store, options, (x, y, order, "loss", "seed", "init"), (x, y, order, "loss"))
    combination(table, store, options)
    found = []
    for value in levels(table, y, store, MOST_COLUMNS):
        group = table[table[y] == value]
        loop = fit_boundary(group, along=x, estimator="hysteresis", order=order).iloc[0]
        orders, losses = (seed_means(group, name, ["init", x]) for name in (order, "loss"))
        found.append(Panel(f"{symbol(y)} = {value:g}", orders, losses, loop, shared_phases(group, x)))
    return Hysteresis(found, options)


def size(data: Hysteresis) -> tuple[float, float]:
    """One column of a page for one panel, the page for more."""
    return (PAGE_INCHES, 4.4) if len(data.panels) > 1 else (COLUMN_INCHES, 5.0)


def draw(data: Hysteresis, canvas: FigureBase) -> None:
    """A column for each value of y: the order parameter above, the loss below, with the same lines through both.

    The starts are told apart by colour and mark and not by arrows: every cell is trained anew, and nothing sweeps along x.
    """
    count = len(data.panels)
    axes = canvas.subplots(2, count, squeeze=False, sharex=True, sharey="row")
    for (above, below), panel in zip(axes.T, data.panels, strict=True):
        _lines(above, panel.loop)
        _lines(below, panel.loop)
        _means(above, panel.order, data.options)
        keep_in_bounds(above, data.options.value)
        _means(below, panel.losses, data.options)
        verdict = panel.loop.get("verdict")
        above.set_title(f"{panel.title}\n{verdict}" if isinstance(verdict, str) and verdict != "none" else panel.title)
        below.set_xlabel(label(data.options.x))
        below.set_xscale(scale(np.sort(panel.order[data.options.x].unique())))
        name_phases(above, panel.phases, size(data)[0] / count - 0.6)
    axes[0, 0].set_ylabel(label(data.options.value))
    axes[1, 0].set_ylabel(label("loss"))
    shared_legend(canvas, entries_of(axes.flat), size(data)[0])


def _style(start: str, starts: list[str]) -> tuple[str, str]:
    return STARTS.get(start) or OTHERS[starts.index(start) % len(OTHERS)]


def _means(ax: Axes, means: pd.DataFrame, options: Options) -> None:
    starts = sorted(map(str, means["init"].unique()))
    for start in starts:
        rows = means[means["init"].astype(str) == start]
        known = "mean, 95 %" if (rows["n"] > 1).any() else "one seed"
        banded(ax, rows, options.x, _style(start, starts), f"{start} start ({known})")


def _lines(ax: Axes, loop: pd.Series) -> None:
    """The spinodals in the colours of their starts and the crossing, each with its 95 % interval; the coexistence between."""
    names = [str(name) for name in loop.index if str(name).startswith("spinodal_")]
    starts = sorted(n.removeprefix("spinodal_") for n in names if not n.endswith(("_low", "_high")))
    ends = []
    for start in starts:
        place, low, high = (
            float(v) if pd.notna(v) else np.nan
            for v in (loop[f"spinodal_{start}{end}"] for end in ("", "_low", "_high"))
        )
        if not np.isfinite(place):
            continue
        ends.append(place)
        colour, _ = _style(start, starts)
        if np.isfinite(low):
            ax.axvspan(low, high, color=colour, alpha=0.15, linewidth=0, zorder=1)
        known = " (95 %)" if np.isfinite(low) else ""
        ax.axvline(
            place, color=colour, linestyle=(0, (4, 2)), linewidth=0.9, label=f"spinodal, {start} start{known}", zorder=2
        )
    if len(ends) == 2:
        ax.axvspan(min(ends), max(ends), color=GREY, alpha=0.08, linewidth=0, label="coexistence", zorder=0)
    crossing = loop.get("crossing")
    if crossing is not None and pd.notna(crossing):
        known = np.isfinite(loop["low"])
        if known:
            ax.axvspan(loop["low"], loop["high"], color=RED, alpha=0.2, linewidth=0, zorder=1)
        ax.axvline(
            crossing, color=RED, linewidth=0.9, label=f"crossing of the losses{' (95 %)' if known else ''}", zorder=2
        )


figures.register("hysteresis")(FigureKind(extract, size, draw))
