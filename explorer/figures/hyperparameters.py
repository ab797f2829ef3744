"""The best hyperparameters across the diagram, and how fast a search finds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from explorer.analysis.best import SEED, regret, search_trials
from explorer.analysis.grid import scale
from explorer.analysis.table import varying
from explorer.axes import label, symbol
from explorer.errors import AnalysisError
from explorer.figures.base import FigureKind, Options, figures
from explorer.figures.legends import entries_of, shared_legend
from explorer.figures.selection import cells
from explorer.figures.style import BLUE, COLUMN_INCHES, GREEN, GREY, ORANGE, PAGE_INCHES, PURPLE, RED, SKY, in_rows
from explorer.store import Store

LINES = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (RED, "v"), (PURPLE, "d"), (SKY, "P"))
# A value that is no number stands at its place among those that were searched.
Default = float | None


@dataclass(frozen=True)
class Panel:
    """One searched setting: the best values over seeds by x (columns `line`, x, `low`, `median`, `high`)."""

    name: str
    best: pd.DataFrame
    default: Default
    low: float
    high: float
    log: bool
    names: tuple[str, ...]


@dataclass(frozen=True)
class Hyperparameters:
    """A panel for each searched setting, the regret against the number of trials, and what the lines are."""

    panels: list[Panel]
    regret: pd.DataFrame
    lines: list[str]
    options: Options
    seeds: int


def extract(store: Store, options: Options) -> Hyperparameters:
    """The best values of each searched setting by (other axis, x), and the regret of the whole search."""
    x = options.x
    cells(store, options, (x, "loss", SEED), (x, "loss"))  # refuses what cannot be drawn, and where nothing is the best
    searched = store.searched
    trials = search_trials(store, options.where)
    best = trials[trials["best"]]
    others = varying(best, searched.point(store.settings), (x,))
    if "init" in best and best["init"].nunique() > 1 and "init" not in searched.over:
        others.append("init")
    if len(others) > 1:
        raise AnalysisError(
            f"{store.files.name}: {', '.join(others)} vary beside {x}; expected one of them, a line each. Choose with --where."
        )
    best = best.assign(line=[_line(others, row) for row in best[others].itertuples(index=False)])
    lines = list(best.sort_values(others)["line"].unique()) if others else [""]
    if len(lines) > len(LINES):
        raise AnalysisError(
            f"{store.files.name}: {len(lines)} values of {others[0]}, expected at most {len(LINES)}; choose some with --where."
        )
    defaults = trials[trials["default"]]
    panels = [_panel_of(name, written, best, defaults, x) for name, written in searched.over.items()]
    return Hyperparameters(panels, regret(trials), lines, options, int(best[SEED].nunique()))


def _line(others: list[str], row: Any) -> str:
    parts = []
    for name, value in zip(others, row, strict=True):
        plain = f"{value} start" if name == "init" else str(value)
        parts.append(f"{symbol(name)} = {value:g}" if isinstance(value, float | int) else plain)
    return ", ".join(parts)


def _panel_of(name: str, written: Any, best: pd.DataFrame, defaults: pd.DataFrame, x: str) -> Panel:
    numeric = isinstance(written, dict)
    names = () if numeric else tuple(map(_in_words, written))
    place = {value: float(i) for i, value in enumerate(names)}

    def number(column: pd.Series) -> pd.Series:
        return column.astype(float) if numeric else column.map(lambda v: place.get(_in_words(v), np.nan)).astype(float)

    values = best.assign(value=number(best[name])).dropna(subset=["value"])
    grouped = values.groupby(["line", x], sort=True)["value"]
    table = grouped.agg(low="min", median="median", high="max").reset_index()
    known = number(defaults[name]).dropna().unique()
    low, high = (float(written["low"]), float(written["high"])) if numeric else (-0.5, len(names) - 0.5)
    log = bool(written.get("log", False)) if numeric else False
    return Panel(name, table, float(known[0]) if len(known) == 1 else None, low, high, log, names)


def _in_words(value: object) -> str:
    """A searched value that is named, as an axis has it."""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float | int | np.number) else str(value).replace("_", " ")


def size(data: Hyperparameters) -> tuple[float, float]:
    """One column of a page for one panel, else the page."""
    rows, columns = in_rows(len(data.panels))
    return (COLUMN_INCHES if columns == 1 else PAGE_INCHES, 2.0 * rows + 2.3)


def draw(data: Hyperparameters, canvas: FigureBase) -> None:
    """A small panel a setting, side by side, and the regret below them all."""
    count = len(data.panels)
    rows, columns = in_rows(count)
    grid = canvas.add_gridspec(rows + 1, columns, height_ratios=[*([1.0] * rows), 0.9])
    axes = [canvas.add_subplot(grid[i // columns, i % columns]) for i in range(count)]
    for ax, panel in zip(axes, data.panels, strict=True):
        _panel(ax, panel, data)
    _regret(canvas.add_subplot(grid[rows, :]), data)
    shared_legend(canvas, entries_of(axes), size(data)[0], "outside upper center")


def _panel(ax: Axes, panel: Panel, data: Hyperparameters) -> None:
    x = data.options.x
    for (colour, marker), line in zip(LINES, data.lines, strict=False):
        rows = panel.best[panel.best["line"] == line]
        low, median, high = (rows[c].to_numpy(dtype=float) for c in ("low", "median", "high"))
        text = f"median and range over {data.seeds} seeds" if data.seeds > 1 else "best value"
        ax.errorbar(rows[x], median, yerr=[median - low, high - median], fmt=f"-{marker}", color=colour, markersize=3.4,
                    linewidth=0.9, elinewidth=0.9, capsize=1.5, label=f"{line}, {text}" if line else text, zorder=3)  # fmt: skip
    if panel.default is not None:
        ax.axhline(panel.default, color=GREY, linestyle=(0, (4, 2)), linewidth=1.0, label="default", zorder=2)
    if panel.log:
        ax.set_yscale("log")
        ends = np.log([panel.low, panel.high])
        room = 0.04 * np.ptp(ends)
        ax.set_ylim(*np.exp([ends[0] - room, ends[1] + room]))
    elif panel.names:
        ax.set_ylim(panel.low, panel.high)
        ax.set_yticks(range(len(panel.names)), panel.names)
    else:
        room = 0.04 * (panel.high - panel.low)
        ax.set_ylim(panel.low - room, panel.high + room)
    ax.set_xscale(scale(np.sort(panel.best[x].unique())))
    ax.set_xlabel(label(x))
    ax.set_ylabel(f"best {label(panel.name)}")


def _regret(ax: Axes, data: Hyperparameters) -> None:
    found = data.regret
    trials, mean = found["trial"].to_numpy(dtype=float) + 1, found["regret"].to_numpy(dtype=float)
    error = found["se"].fillna(0.0).to_numpy(dtype=float)
    ax.plot(trials, mean, "-o", color=BLUE, markersize=3.0, zorder=3)
    if (error > 0).any():
        ax.fill_between(trials, mean - error, mean + error, color=BLUE, alpha=0.25, linewidth=0, zorder=2)
    ax.axhline(0, color=GREY, linewidth=0.6, zorder=1)
    ax.set_xlabel("trials of each point, the default first")
    ax.set_ylabel("regret (mean ± s.e.)" if (error > 0).any() else "mean regret")


figures.register("hyperparameters")(FigureKind(extract, size, draw))
