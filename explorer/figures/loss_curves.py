"""Loss along one axis at each value of another: both starts, both predictions, the crossing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from explorer.analysis import fit_boundary
from explorer.analysis.grid import fine, scale
from explorer.analysis.table import constant
from explorer.axes import label, symbol
from explorer.figures.base import FigureKind, Options, figures
from explorer.figures.legends import entries_of, shared_legend
from explorer.figures.naming import lowest_phases, name_phases
from explorer.figures.selection import cells, combination, levels
from explorer.figures.series import MARK, seed_means
from explorer.figures.style import BLUE, COLUMN_INCHES, GREY, ORANGE, PAGE_INCHES, RED, small_multiples
from explorer.store import Store
from explorer.theory import predicted_losses

FINE = 200
STARTS = {"random": (BLUE, "o", "random start"), "identity": (ORANGE, "^", "identity start")}
PREDICTIONS = {
    "rotation": ((0, (4, 2)), "black", "rotation, Gaussian limit"),
    "identity": ((0, (1, 1.2)), "black", "exact identity, $1 - r p m^2$"),
    "tie-broken identity": ((0, (4, 1.5, 1, 1.5)), GREY, "tie-broken identity"),
}


@dataclass(frozen=True)
class Panel:
    """One value of y: mean loss with its interval by start, predictions on a fine grid, the crossing, stretches of phases."""

    title: str
    losses: pd.DataFrame
    predictions: pd.DataFrame
    crossing: pd.Series
    phases: pd.DataFrame


@dataclass(frozen=True)
class LossCurves:
    panels: list[Panel]
    options: Options


def extract(store: Store, options: Options) -> LossCurves:
    """Losses by (y, start, x) over seeds, with what theory says beside them."""
    x, y = options.x, options.y
    table = cells(store, options, (x, y, "loss", "seed", "init"), (x, y, "loss"))
    combination(table, store, options)
    found = []
    for value in levels(table, y, store):
        group = table[table[y] == value]
        known = {**constant(group, store.settings), y: value}
        grid = fine(np.sort(group[x].unique()), FINE)
        predictions = pd.DataFrame([{x: point, **predicted_losses({**known, x: point})} for point in grid])
        crossing = fit_boundary(group, along=x, estimator="crossing").iloc[0]
        losses = seed_means(group, "loss", ["init", x])
        found.append(Panel(f"{symbol(y)} = {value:g}", losses, predictions, crossing, lowest_phases(group, x)))
    return LossCurves(found, options)


def size(data: LossCurves) -> tuple[float, float]:
    """One column of a page for one panel, else the page."""
    rows, columns = small_multiples(len(data.panels))
    return (PAGE_INCHES, 2.15 * rows + 0.45) if columns > 1 else (COLUMN_INCHES, 3.4)


def draw(data: LossCurves, canvas: FigureBase) -> None:
    """Small multiples on one scale of x; the legend takes a free place of the grid, or stands below."""
    count = len(data.panels)
    rows, columns = small_multiples(count)
    axes = canvas.subplots(rows, columns, squeeze=False, sharex=True)
    for ax, panel in zip(axes.flat, data.panels, strict=False):
        _panel(ax, panel, data.options)
        name_phases(ax, panel.phases, size(data)[0] / columns - 0.6)
    spare = list(axes.flat)[count:]
    for i, ax in enumerate(axes.flat):
        if i < count and i + columns >= count:
            ax.set_xlabel(label(data.options.x))
            ax.tick_params(labelbottom=True)
        if i % columns == 0 and i < count:
            ax.set_ylabel(label("loss"))
    for ax in spare:
        ax.set_axis_off()
    entries = entries_of(list(axes.flat)[:count])
    if spare:
        spare[0].legend(list(entries.values()), list(entries), loc="center left")
    else:
        shared_legend(canvas, entries, size(data)[0])


def _panel(ax: Axes, panel: Panel, options: Options) -> None:
    x = panel.predictions[options.x]
    for phase, (dashes, colour, text) in PREDICTIONS.items():
        if phase in panel.predictions:
            ax.plot(x, panel.predictions[phase], color=colour, linestyle=dashes, linewidth=1.0, label=text, zorder=2)
    for start, rows in panel.losses.groupby("init"):
        colour, marker, text = STARTS.get(str(start), (GREY, "d", f"{start} start"))
        ax.errorbar(rows[options.x], rows["mean"], yerr=rows["half"].fillna(0.0), fmt=marker, color=colour, elinewidth=0.9,
                    capsize=1.5, label=f"{text} (mean, 95 %)", zorder=4, **MARK)  # fmt: skip
    critical = panel.crossing["critical"]
    if np.isfinite(critical):
        low, high = panel.crossing["low"], panel.crossing["high"]
        if np.isfinite(low):
            ax.axvspan(low, high, color=RED, alpha=0.2, linewidth=0, zorder=1)
        known = " (95 %)" if np.isfinite(low) else ""
        ax.axvline(critical, color=RED, linewidth=0.9, label=f"measured crossing{known}", zorder=1)
    ax.set_title(panel.title)
    ax.set_xscale(scale(np.sort(panel.losses[options.x].unique())))


figures.register("loss_curves")(FigureKind(extract, size, draw))
