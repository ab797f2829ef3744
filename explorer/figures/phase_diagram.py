"""An order parameter or the loss over two axes, with the measured boundary and the theory line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from explorer.analysis import READ, classify, fit_boundary
from explorer.analysis.grid import edges, fine, part, scale
from explorer.analysis.table import constant
from explorer.axes import BOUNDED, label, symbol
from explorer.errors import AnalysisError
from explorer.figures.base import FigureKind, Options, figures
from explorer.figures.legends import entries_of, shared_legend
from explorer.figures.selection import cells, panels
from explorer.figures.style import COLUMN_INCHES, ORANGE, PAGE_INCHES, RED, SEQUENTIAL, small_multiples
from explorer.store import Store
from explorer.theory import predicted_boundary

THEORY_POINTS = 400
MOST_TICKS = 8
LUMA = (0.299, 0.587, 0.114)


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
    if value in (x, y):
        raise AnalysisError(f'figure: "{value}" is both an axis and the value; expected it in one place.')
    table = cells(store, options, (x, y, value, "seed", "init"), (x, y, value), READ).dropna(subset=[x, y])
    found = []
    for title, group in panels(table, store, options):
        shown = group[(group["init"] == options.start) & np.isfinite(group[value])]
        if shown.empty:
            continue
        boundaries = fit_boundary(group, along=x, by=[y])
        grid = shown.pivot_table(index=y, columns=x, values=value, aggfunc="mean")
        found.append(
            Panel(
                title,
                grid.columns.to_numpy(dtype=float),
                grid.index.to_numpy(dtype=float),
                grid.to_numpy(dtype=float),
                boundaries,
                _theory(group, store, options),
                _names(shown, x, y, boundaries),
            )
        )
    if not found:
        starts = ", ".join(sorted(map(str, table["init"].unique())))
        if options.start in table["init"].unique():
            raise AnalysisError(
                f'{store.files.name}: no cell that starts from "{options.start}" has a value of {value}.'
            )
        raise AnalysisError(f'{store.files.name}: no cells start from "{options.start}"; expected one of {starts}.')
    return PhaseDiagram(found, options, int(table["seed"].nunique()))


def _theory(group: pd.DataFrame, store: Store, options: Options) -> NDArray[np.float64]:
    known = {k: v for k, v in constant(group, store.settings).items() if k != "code_dimension"}
    heights = fine(np.sort(group[options.y].unique()), THEORY_POINTS)
    points = [(predicted_boundary(options.x, {**known, options.y: h}), h) for h in heights]
    return np.array([(p, h) for p, h in points if p is not None]).reshape(-1, 2)


def _names(shown: pd.DataFrame, x: str, y: str, boundaries: pd.DataFrame) -> list[tuple[str, float, float, bool]]:
    """A place for each phase's name, in the axes' own units, and whether its region is too narrow to name it level.

    The name stands at the middle of the phase's longest unbroken row, half a row towards the next one that has the phase, so that
    it keeps clear of the boundary's markers; that of the identity beyond the crossing of its rows where the phase goes on there.
    """
    phases = classify(shown)
    crossings = boundaries[boundaries["estimator"] == "crossing"].set_index(y)["critical"].astype(float)
    columns, rows = (np.sort(shown[axis].unique()).astype(float) for axis in (x, y))
    across, up = edges(columns), edges(rows)
    places = []
    for phase in ("rotation", "mixed", "identity"):
        per_point = (phases == phase).groupby([shown[y], shown[x]]).mean() > 0.5
        held = per_point[per_point].reset_index()
        places_of = {h: held.loc[held[y] == h, x].to_numpy(dtype=float) for h in np.unique(held[y]).tolist()}
        runs = {h: _longest_run(np.searchsorted(columns, values)) for h, values in places_of.items()}
        longest = max((last - first + 1 for first, last in runs.values()), default=0)
        if not longest or (phase == "mixed" and longest < 3):
            continue
        heights = np.array(sorted(h for h, (first, last) in runs.items() if last - first + 1 == longest))
        middle = len(heights) // 2
        first, last = runs[float(heights[middle])]
        if len(heights) > 1:
            height = part(heights[middle - 1], heights[middle], 0.5, scale(rows))
        else:
            row = int(np.searchsorted(rows, heights[0]))
            height = part(up[row], up[row + 1], 0.75, scale(rows))
        begin, end = float(across[first]), float(across[last + 1])
        crossing = float(crossings.reindex(heights[max(middle - 1, 0) : middle + 1]).max())
        if phase == "identity" and begin < crossing < begin + 0.7 * (end - begin):
            begin = crossing
        place = part(begin, end, 0.5, scale(columns))
        places.append((phase, place, height, bool(longest < 0.3 * len(columns))))
    return places


def _longest_run(positions: NDArray[np.int64]) -> tuple[int, int]:
    """The first and the last of the longest stretch of neighbouring positions; the first such stretch."""
    positions = np.sort(positions)
    stretches = np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1)
    chosen = max(stretches, key=len)
    return int(chosen[0]), int(chosen[-1])


def size(data: PhaseDiagram) -> tuple[float, float]:
    """One column of a page for one panel, else the page."""
    count = len(data.panels)
    return (COLUMN_INCHES, 3.4) if count == 1 else (PAGE_INCHES, 2.3 * small_multiples(count)[0] + 0.9)


def draw(data: PhaseDiagram, canvas: FigureBase) -> None:
    """One panel a combination, one range of axes and colours, one legend below."""
    count = len(data.panels)
    rows, columns = small_multiples(count)
    axes = canvas.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    used, spare = list(axes.flat)[:count], list(axes.flat)[count:]
    values = np.concatenate([panel.mean[np.isfinite(panel.mean)] for panel in data.panels])
    low, high = BOUNDED.get(data.options.value, (float(values.min()), float(values.max())))
    _share_axes(axes[0, 0], data.panels)
    mesh: Any = None
    for ax, panel in zip(used, data.panels, strict=True):
        mesh = _panel(ax, panel, data, low, high)
    for ax in spare:
        ax.set_visible(False)
    for ax in used[-columns:]:
        ax.set_xlabel(label(data.options.x))
        ax.tick_params(labelbottom=True)
    for ax in used[::columns]:
        ax.set_ylabel(label(data.options.y))
    bar = canvas.colorbar(mesh, ax=axes, pad=0.02, aspect=25)
    bar.set_label(f"{label(data.options.value)}, {data.options.start} start")
    bar.outline.set_linewidth(0.6)  # type: ignore[operator]
    shared_legend(canvas, entries_of(used), size(data)[0])


def _share_axes(ax: Axes, panels: list[Panel]) -> None:
    """Scales and limits that hold every panel's grid; ticks at the rows where they are few."""
    for name in ("x", "y"):
        points = np.unique(np.concatenate([getattr(panel, name) for panel in panels]))
        ends = np.concatenate([edges(getattr(panel, name)) for panel in panels])
        ax.set(**{f"{name}scale": scale(points), f"{name}lim": (ends.min(), ends.max())})
        if name == "y" and len(points) <= MOST_TICKS:
            ax.set_yticks(points, [f"{value:.3g}" for value in points])
            ax.yaxis.set_minor_locator(NullLocator())


def _panel(ax: Axes, panel: Panel, data: PhaseDiagram, low: float, high: float) -> Any:
    x_edges, y_edges = edges(panel.x), edges(panel.y)
    mesh = ax.pcolormesh(x_edges, y_edges, panel.mean, cmap=SEQUENTIAL, vmin=low, vmax=high, rasterized=True)
    ax.set_title(panel.title)
    found = panel.boundaries.dropna(subset=["critical"])
    for name, marker, colour, text in (
        ("switch", "s", ORANGE, "switch of gradient descent (95 % interval)"),
        ("crossing", "o", "black", _crossing_label(pd.concat([p.boundaries for p in data.panels]))),
    ):
        rows = found[found["estimator"] == name].sort_values(data.options.y)
        if len(rows):
            _boundary(ax, rows, data.options.y, marker, colour, text)
    theory = panel.theory[(panel.theory[:, 0] >= x_edges[0]) & (panel.theory[:, 0] <= x_edges[-1])]
    if len(theory):
        heights = (
            theory[:, 1] if len(panel.y) > 1 else np.linspace(y_edges[0], y_edges[-1], len(theory))
        )  # one row: all along
        text = _theory_label(data)
        ax.plot(theory[:, 0], heights, "--", color=RED, linewidth=1.6, label=text, zorder=5.5)
    for phase, x, y, narrow in panel.names:
        at = mesh.get_cmap()(mesh.norm(panel.mean[np.searchsorted(y_edges, y) - 1, np.searchsorted(x_edges, x) - 1]))
        ax.annotate(phase, (x, y), ha="center", va="center", rotation=90 if narrow else 0, fontstyle="italic", fontsize=10,
                    color="white" if np.dot(at[:3], LUMA) < 0.5 else "black", zorder=6)  # fmt: skip
    return mesh


def _theory_label(data: PhaseDiagram) -> str:
    values = np.unique(np.round(np.concatenate([panel.theory[:, 0] for panel in data.panels]), 4))
    return f"theory, {symbol(data.options.x)} = {values[0]:.4g}" if len(values) == 1 else "theory"


def _crossing_label(found: pd.DataFrame) -> str:
    """The crossing's legend says when a branch had to be continued to reach it."""
    furthest = found.loc[found["estimator"] == "crossing", "extrapolated"].max()
    continued = f",\na branch continued by up to {furthest:.2g}" if furthest > 0 else ""
    return f"equal loss of rotation and identity (95 % interval){continued}"


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


def tables(data: PhaseDiagram) -> dict[str, pd.DataFrame]:
    """`grid`: seed means; `boundaries`: rows of the estimators; `theory`: points of its line. Each with its panel's title."""
    x, y, value = data.options.x, data.options.y, data.options.value
    grids, boundaries, lines = [], [], []
    for panel in data.panels:
        title = panel.title.replace("\n", ", ")
        across, up = np.meshgrid(panel.x, panel.y)
        grids.append(pd.DataFrame({"panel": title, x: across.ravel(), y: up.ravel(), value: panel.mean.ravel()}))
        boundaries.append(panel.boundaries.assign(panel=title))
        lines.append(pd.DataFrame({"panel": title, x: panel.theory[:, 0], y: panel.theory[:, 1]}))
    found = {"grid": grids, "boundaries": boundaries, "theory": lines}
    return {name: pd.concat(frames, ignore_index=True) for name, frames in found.items()}


figures.register("phase_diagram")(FigureKind(extract, size, draw, tables))
