"""An order parameter or the loss over two axes, with the measured boundary and the theory line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from explorer.analysis import classify, fit_boundary
from explorer.analysis.table import constant
from explorer.axes import label, symbol
from explorer.errors import AnalysisError
from explorer.figures.base import FigureKind, Options, figures
from explorer.figures.selection import cells, panels
from explorer.figures.style import COLUMN_INCHES, ORANGE, PAGE_INCHES, RED, SEQUENTIAL
from explorer.store import Store
from explorer.theory import predicted_boundary

THEORY_POINTS = 400
BOUNDED = {"localization": (0.0, 1.0), "coverage": (0.0, 1.0), "peak": (0.0, 1.0)}
MOST_TICKS = 8


@dataclass(frozen=True)
class Panel:
    """One diagram: seed means on the grid (y, x), boundaries per y, theory as (x, y), and where each phase is named."""

    title: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    mean: NDArray[np.float64]
    boundaries: pd.DataFrame
    theory: NDArray[np.float64]
    names: list[tuple[str, float, float, bool]]


@dataclass(frozen=True)
class PhaseDiagram:
    """The panels and what they show."""

    panels: list[Panel]
    options: Options
    seeds: int


def extract(store: Store, options: Options) -> PhaseDiagram:
    """Seed means of the value from one start; boundaries by both estimators from all starts."""
    x, y, value = options.x, options.y, options.value
    table = cells(store, options, (x, y, value, "seed", "init"), (x, y, value))
    found = []
    for title, group in panels(table, store, options):
        shown = group[group["init"] == options.start]
        if shown.empty:
            continue
        grid = shown.pivot_table(index=y, columns=x, values=value, aggfunc="mean")
        found.append(
            Panel(
                title,
                grid.columns.to_numpy(dtype=float),
                grid.index.to_numpy(dtype=float),
                grid.to_numpy(dtype=float),
                fit_boundary(group, along=x, by=[y]),
                _theory(group, store, options),
                _names(shown, x, y),
            )
        )
    if not found:
        starts = ", ".join(sorted(map(str, table["init"].unique())))
        raise AnalysisError(f'{store.files.name}: no cells start from "{options.start}"; expected one of {starts}.')
    return PhaseDiagram(found, options, int(table["seed"].nunique()))


def _theory(group: pd.DataFrame, store: Store, options: Options) -> NDArray[np.float64]:
    known = {k: v for k, v in constant(group, store.settings).items() if k not in ("code_dimension", "rate")}
    heights = np.linspace(group[options.y].min(), group[options.y].max(), THEORY_POINTS)
    points = [(predicted_boundary(options.x, {**known, options.y: h}), h) for h in heights]
    return np.array([(p, h) for p, h in points if p is not None]).reshape(-1, 2)


def _names(shown: pd.DataFrame, x: str, y: str) -> list[tuple[str, float, float, bool]]:
    """A place for each phase's name, in the axes' own units, and whether its region is too narrow to name it level.

    The name stands at the middle of the phase's longest row, half a row towards the next one that has the phase, so that
    it keeps clear of the boundary's markers.
    """
    phases = classify(shown)
    span = float(np.ptp(shown[x].to_numpy(dtype=float))) or 1.0
    places = []
    for phase in ("rotation", "mixed", "identity"):
        per_point = (phases == phase).groupby([shown[y], shown[x]]).mean() > 0.5
        held = per_point[per_point].reset_index()
        counts = held.groupby(y)[x].nunique()
        if not len(counts) or (phase == "mixed" and counts.max() < 3):
            continue
        heights = counts[counts == counts.max()].index.to_numpy(dtype=float)
        height = float(heights[len(heights) // 2])
        level = held[held[y] == height][x]
        if len(heights) > 1:
            height = (height + float(heights[len(heights) // 2 - 1])) / 2
        else:
            rows = np.sort(shown[y].unique().astype(float))
            edges = _edges(rows)
            height += 0.25 * float(np.diff(edges)[np.searchsorted(rows, height)])
        narrow = float(np.ptp(level.to_numpy(dtype=float))) < 0.25 * span
        places.append((phase, float((level.min() + level.max()) / 2), height, narrow))
    return places


def _edges(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(centres) == 1:
        half = 0.05 * abs(centres[0]) or 0.5
        return np.array([centres[0] - half, centres[0] + half])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def draw(data: PhaseDiagram) -> Figure:
    """One panel a combination, one colour scale, one legend below."""
    count = len(data.panels)
    columns = min(count, 3)
    rows = math.ceil(count / columns)
    width = COLUMN_INCHES * 1.25 if count == 1 else PAGE_INCHES
    height = 3.6 if count == 1 else 2.3 * rows + 0.9
    drawn = Figure(figsize=(width, height), layout="constrained")
    axes = drawn.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    values = np.concatenate([panel.mean[np.isfinite(panel.mean)] for panel in data.panels])
    low, high = BOUNDED.get(data.options.value, (float(values.min()), float(values.max())))
    mesh: Any = None
    for ax, panel in zip(axes.flat, data.panels, strict=False):
        mesh = _panel(ax, panel, data.options, low, high)
    for ax in list(axes.flat)[count:]:
        ax.set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel(label(data.options.x))
    for ax in axes[:, 0]:
        ax.set_ylabel(label(data.options.y))
    bar = drawn.colorbar(mesh, ax=axes, pad=0.02, aspect=25)
    bar.set_label(f"{label(data.options.value)}, {data.options.start} start")
    bar.outline.set_linewidth(0.6)  # type: ignore[operator]
    entries: dict[str, Any] = {}
    for ax in axes.flat:
        for handle, text in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(text, handle)
    if entries:
        drawn.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=1 if count == 1 else 3)
    return drawn


def _panel(ax: Axes, panel: Panel, options: Options, low: float, high: float) -> Any:
    x_edges, y_edges = _edges(panel.x), _edges(panel.y)
    mesh = ax.pcolormesh(x_edges, y_edges, panel.mean, cmap=SEQUENTIAL, vmin=low, vmax=high, rasterized=True)
    ax.set_xlim(x_edges[0], x_edges[-1])
    ax.set_ylim(y_edges[0], y_edges[-1])
    ax.set_title(panel.title)
    found = panel.boundaries.dropna(subset=["critical"])
    for name, marker, colour, text in (
        ("switch", "s", ORANGE, "switch of gradient descent (95 % interval)"),
        ("crossing", "o", "black", "equal loss of both branches (95 % interval)"),
    ):
        rows = found[found["estimator"] == name].sort_values(options.y)
        if len(rows):
            _boundary(ax, rows, options.y, marker, colour, text)
    if len(panel.theory):
        ax.plot(
            panel.theory[:, 0],
            panel.theory[:, 1],
            "--",
            color=RED,
            linewidth=1.6,
            label=_theory_label(panel, options),
            zorder=5.5,
        )
    for phase, x, y, narrow in panel.names:
        dark = phase == "rotation"
        ax.annotate(
            phase,
            (x, y),
            ha="center",
            va="center",
            rotation=90 if narrow else 0,
            color="white" if dark else "black",
            fontstyle="italic",
            fontsize=10,
            zorder=6,
        )
    if len(panel.y) <= MOST_TICKS:
        ax.set_yticks(panel.y, [f"{value:g}" for value in panel.y])
    return mesh


def _theory_label(panel: Panel, options: Options) -> str:
    values = np.unique(np.round(panel.theory[:, 0], 4))
    return f"theory, {symbol(options.x)} = {values[0]:.4g}" if len(values) == 1 else "theory"


def _boundary(ax: Axes, rows: pd.DataFrame, y: str, marker: str, colour: str, text: str) -> None:
    x, height = rows["critical"].to_numpy(), rows[y].to_numpy(dtype=float)
    low, high = (rows[c].fillna(rows["critical"]).to_numpy() for c in ("low", "high"))
    if len(rows) > 1:
        ax.fill_betweenx(height, low, high, color=colour, alpha=0.25, linewidth=0, zorder=3)
    ax.errorbar(
        x,
        height,
        xerr=[np.maximum(x - low, 0), np.maximum(high - x, 0)],
        fmt=f"-{marker}" if len(rows) > 1 else marker,
        color=colour,
        markersize=4.5,
        markerfacecolor=ORANGE if marker == "s" else "white",
        markeredgecolor="black",
        markeredgewidth=0.6,
        elinewidth=1.2,
        capsize=2.5,
        linewidth=1.0,
        label=text,
        zorder=5,
    )


figures.register("phase_diagram")(FigureKind(extract, draw))
