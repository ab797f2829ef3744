"""Losses of several architectures on the limits that theory has for 1-bit codes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from explorer.analysis.grid import fine, scale
from explorer.axes import label, symbol
from explorer.figures.base import FigureKind, Options, figures
from explorer.figures.selection import cells, from_start, levels, one_setting_each
from explorer.figures.series import seed_means
from explorer.figures.style import (
    BLUE,
    COLUMN_INCHES,
    GREEN,
    GREY,
    ORANGE,
    PAGE_INCHES,
    PURPLE,
    RED,
    SKY,
    small_multiples,
)
from explorer.store import Store
from explorer.theory import predicted_limits

MOST_POINTS = 25  # of a line: each point of Shannon's takes a third of a second
LINES = {
    "linear": (BLUE, "-", 1.1, "linear (rotation)"),
    "denoiser": (ORANGE, (0, (5, 1.8)), 1.1, "denoiser"),
    "multilayer": (GREEN, (0, (5, 1.5, 1, 1.5)), 1.1, "multi-layer decoder"),
    "identity": (GREY, (0, (1, 1.2)), 0.9, "exact identity"),
    "shannon": ("black", "-", 0.8, "unreachable (Shannon)"),
}
MARKERS = {"two_layer": (BLUE, "o"), "denoiser": (ORANGE, "^"), "unrolled": (GREEN, "s")}
OTHERS = ((RED, "D"), (PURPLE, "v"), (SKY, "P"), (GREY, "X"), ("black", "*"), (RED, "<"), (PURPLE, ">"), (SKY, "p"))
UNREACHABLE = "0.88"
MARKER: dict[str, Any] = {"markersize": 4.2, "markerfacecolor": "none", "markeredgewidth": 0.9}
LEGEND_ROW_INCHES, MOST_ROWS_BESIDE = 0.155, 14
THEORY = "theory of 1-bit codes\nin the limit $d\\to\\infty$"
SMOOTH = 300


@dataclass(frozen=True)
class Panel:
    """One value of y: mean loss with the half-width of its 95 % interval by architecture, and the limits along x."""

    title: str
    losses: pd.DataFrame
    limits: pd.DataFrame


@dataclass(frozen=True)
class Decoders:
    """The panels, the architectures in the order of their markers, and the dimension where there is one."""

    panels: list[Panel]
    architectures: list[str]
    dimension: int | None
    seeds: int
    x: str


def extract(store: Store, options: Options) -> Decoders:
    """Losses from one start by (y, architecture, x) over seeds, with the limits beside them; one panel for each y."""
    x, y = options.x, options.y
    table = cells(store, options, (x, y, "loss", "seed", "init", "architecture"), (x, y, "loss"))
    table = from_start(table.dropna(subset=[x, y]), store, options)
    one_setting_each(table, store, (x, y, "architecture"))
    names = sorted(table["architecture"].unique(), key=lambda a: ([*MARKERS, a].index(a), a))
    found = []
    for value in levels(table, y, store):
        group = table[table[y] == value]
        limits = _limits(group[[*store.settings]], x, names)
        found.append(Panel(f"{symbol(y)} = {value:g}", seed_means(group, "loss", ["architecture", x]), limits))
    dimension = int(table["dimension"].iloc[0]) if table["dimension"].nunique() == 1 else None
    return Decoders(found, names, dimension, int(table["seed"].nunique()), x)


def _limits(group: pd.DataFrame, x: str, architectures: list[str]) -> pd.DataFrame:
    """Limits of the first architecture that has a 1-bit code; none where no architecture has.

    That of the exact identity is kept where it lies below the rotation.
    """
    grid = _grid(np.sort(group[x].unique()).astype(float))
    for name in architectures:
        rows = group[group["architecture"] == name].to_dict("records")
        if rows and "linear" in _predicted(rows[0], x, grid[0]):
            limits = pd.DataFrame([{x: point, **_predicted(rows[0], x, point)} for point in grid])
            if "identity" in limits:
                limits["identity"] = limits["identity"].where(limits["identity"] < limits["linear"] - 1e-9)
            return limits.dropna(axis="columns", how="all")
    return pd.DataFrame({x: grid})


def _predicted(settings: Mapping[Any, Any], x: str, point: float) -> dict[str, float]:
    """The limits of squared error that are drawn, at one x; by the rate as trained, unless x changes it."""
    if settings.get("distortion", "squared_error") not in ("squared_error", None):
        return {}
    changed = {"code_dimension"} if x in ("rate", "dimension") else set()
    known = {k: v for k, v in settings.items() if k not in changed} | {x: point}
    return predicted_limits(known, tuple(LINES))


def _grid(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points and as many even ones between them as `MOST_POINTS` allows."""
    if len(points) == 1 or len(points) > MOST_POINTS:
        return fine(points, min(len(points), MOST_POINTS))
    between = (MOST_POINTS - 1) // (len(points) - 1)
    parts = [np.linspace(low, high, between, endpoint=False) for low, high in pairwise(points)]
    return np.append(np.concatenate(parts), points[-1])


def size(data: Decoders) -> tuple[float, float]:
    """A panel a value of y, and what the legends need below where no place is free beside the panels."""
    count = len(data.panels)
    width, height = (COLUMN_INCHES, 2.6) if count == 1 else (PAGE_INCHES, 2.05 * small_multiples(count)[0] + 0.3)
    legends = {title: e for title, e in {THEORY: _lines(data), _measured(data): _points(data)}.items() if e}
    return (width, height + _place(data, legends)[2])


def _place(data: Decoders, legends: dict[str, dict[str, Any]]) -> tuple[bool, int, float]:
    """Whether the legends take a free place of the grid, how many columns each has, and the height below that they need."""
    count = len(data.panels)
    rows, columns = small_multiples(count)
    beside = columns * rows > count and sum(3 + len(e) for e in legends.values()) <= MOST_ROWS_BESIDE
    across = 1 if beside else 2
    depths = [2.8 + math.ceil(len(e) / across) for e in legends.values()]
    return beside, across, 0.0 if beside else LEGEND_ROW_INCHES * (sum(depths) if count == 1 else max(depths))


def draw(data: Decoders, canvas: FigureBase) -> None:
    """Small multiples on one scale of x, and of the loss in each row; the legends take a free place, or stand below."""
    count = len(data.panels)
    rows, columns = small_multiples(count)
    legends = {title: e for title, e in {THEORY: _lines(data), _measured(data): _points(data)}.items() if e}
    beside, across, below = _place(data, legends)
    height = size(data)[1] - below
    parts: Any = [canvas, None] if beside else canvas.subfigures(2, 1, height_ratios=[height, below])
    grid = parts[0].add_gridspec(rows, columns)
    used: list[Axes] = []
    for i, panel in enumerate(data.panels):
        left = used[i - i % columns] if i % columns else None
        used.append(parts[0].add_subplot(grid[i // columns, i % columns], sharex=used[0] if i else None, sharey=left))
        _panel(used[i], panel, data)
        used[i].tick_params(labelbottom=i + columns >= count, labelleft=left is None)
        if i + columns >= count:
            used[i].set_xlabel(label(data.x))
        if left is None:
            used[i].set_ylabel(label("loss"))
    for i in range(0, count, columns):
        top = max(_top(panel, data.x) for panel in data.panels[i : i + columns])
        used[i].set_ylim(-0.03 * top, 1.06 * top)
    place = parts[0].add_subplot(grid[rows - 1, count % columns :]) if beside else parts[1].add_axes((0.08, 0, 0.92, 1))
    _legends(place, legends, beside or count == 1, across)


def _top(panel: Panel, x: str) -> float:
    """The largest of what a panel shows."""
    highest = (panel.losses["mean"] + panel.losses["half"].fillna(0.0)).max()
    return float(max([highest, *panel.limits.drop(columns=x).max()]))


def _look(data: Decoders) -> dict[str, tuple[str, str]]:
    """Colour and marker by architecture."""
    others = [name for name in data.architectures if name not in MARKERS]
    return MARKERS | {name: OTHERS[i % len(OTHERS)] for i, name in enumerate(others)}


def _panel(ax: Axes, panel: Panel, data: Decoders) -> None:
    for name, (colour, dashes, width, _) in LINES.items():
        if name in panel.limits:
            x, limit = _smooth(panel.limits[[data.x, name]].dropna().to_numpy())
            ax.plot(x, limit, color=colour, linestyle=dashes, linewidth=width, zorder=2)
            if name == "shannon":
                ax.fill_between(x, -1, limit, color=UNREACHABLE, linewidth=0, zorder=1)
    look = _look(data)
    for name in data.architectures:
        rows = panel.losses[panel.losses["architecture"] == name]
        colour, marker = look[name]
        ax.errorbar(rows[data.x], rows["mean"], yerr=rows["half"].fillna(0.0), fmt=marker, color=colour, elinewidth=0.9,
                    capsize=1.5, zorder=4, **MARKER)  # fmt: skip
    ax.set_title(panel.title)
    ax.set_xscale(scale(np.sort(panel.losses[data.x].unique())))


def _smooth(knots: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A curve through the points, monotone between them."""
    x, y = knots.T
    if len(x) < 2:
        return x, y
    between = np.linspace(x[0], x[-1], SMOOTH) if scale(x) == "linear" else np.geomspace(x[0], x[-1], SMOOTH)
    return between, PchipInterpolator(x, y)(between)


def _lines(data: Decoders) -> dict[str, Any]:
    """Legend entries of the lines that are drawn."""
    shown = [name for name in LINES if any(name in panel.limits for panel in data.panels)]
    entries: dict[str, Any] = {}
    for name in shown:
        colour, dashes, width, text = LINES[name]
        entries[text] = Line2D([], [], color=colour, linestyle=dashes, linewidth=width)
        if name == "shannon":
            entries[text] = Patch(facecolor=UNREACHABLE, edgecolor=colour, linewidth=width)
    return entries


def _points(data: Decoders) -> dict[str, Any]:
    """Legend entries of the markers."""
    look = _look(data)
    return {
        name.replace("_", " "): Line2D([], [], linestyle="none", color=look[name][0], marker=look[name][1], **MARKER)
        for name in data.architectures
    }


def _measured(data: Decoders) -> str:
    size = f"measured at $d$ = {data.dimension}" if data.dimension is not None and data.x != "dimension" else "measured"
    return f"{size}:\n" + (f"mean of {data.seeds} seeds, 95 % interval" if data.seeds > 1 else "one seed")


def _legends(place: Axes, legends: dict[str, dict[str, Any]], stacked: bool, across: int) -> None:
    """The legends in an empty place, one below or beside the other."""
    place.set_axis_off()
    down = 0.0
    for i, (title, entries) in enumerate(legends.items()):
        figure = place.get_figure(root=True)
        assert figure is not None
        drawn = Legend(
            place, list(entries.values()), list(entries), title=title, title_fontsize=8, alignment="left", loc="upper left",
            bbox_to_anchor=(0.0 if stacked else 0.5 * i, 1.0), borderaxespad=0.0, borderpad=0.0, ncols=across,
            columnspacing=1.2, labelspacing=0.35,
            bbox_transform=place.transAxes + ScaledTranslation(0, -down, figure.dpi_scale_trans),
        )  # fmt: skip
        drawn.set_in_layout(False)
        place.add_artist(drawn)
        down += LEGEND_ROW_INCHES * (2.8 + math.ceil(len(entries) / across)) * stacked


figures.register("decoders")(FigureKind(extract, size, draw))
