"""Round by round, where a refinement looked: the field it fitted, what was undecided, and the cells it added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import yaml
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import FigureBase
from numpy.typing import NDArray
from scipy import special

from explorer.analysis.gaussian_process import Field, unit_box, variance_of_means
from explorer.analysis.plateaus import half_way
from explorer.axes import label, symbol
from explorer.errors import AnalysisError
from explorer.figures.base import FigureKind, Options, figures
from explorer.figures.legends import entries_of, shared_legend
from explorer.figures.selection import cells, from_start, levels
from explorer.figures.style import BLUE, COLUMN_INCHES, GREY, ORANGE, PAGE_INCHES, RED, SEQUENTIAL
from explorer.store import Store

MOST_ROUNDS, MOST_ROWS = 4, 4
FINE, FINE_ACROSS = 400, 81
UNDECIDED = (0.025, 0.975)
Z = 1.96
FAILED = "cells that failed or diverged"

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """What was known before a round was proposed, and what it added.

    `at` (place, axis) are the places of the field's `mean` and `sd`; `undecided` where its phase is open; `before` and `added`
    the seed means (x, [y,] value, error) of the cells there were and of the new ones; `failed` (point, axis) where cells failed or
    diverged, of that round or earlier.
    """

    title: str
    at: Array
    mean: Array
    sd: Array
    undecided: NDArray[np.bool_]
    threshold: float | None
    before: Array
    added: Array
    failed: Array


@dataclass(frozen=True)
class Rounds:
    """Panels (row, round), the rows' names, and whether a panel is a map of two axes."""

    panels: list[list[Panel]]
    rows: list[str]
    options: Options
    plane: bool


def extract(store: Store, options: Options) -> Rounds:
    """The rounds of the store's refinements, at most four of them: the first, the last and between; without any, the grid's field."""
    x, y, value = options.x, options.y, options.value
    table = cells(store, options, (x, y, value, "seed", "init", "cell_key"), (x, y, value), ("cell_key",))
    table = from_start(table, store, options).dropna(subset=[x, value])
    found = [one for one in store.rounds() if one.section == "refine"]
    number = {key: i for i, one in enumerate(found, start=1) for key in one.keys}
    table = table.assign(round=table["cell_key"].map(number).fillna(0).astype(int))
    failed = _failed(store, options, number)
    plane = _plane(store, x, y)
    last = int(table["round"].max())
    shown = sorted({round(r) for r in np.linspace(min(1, last), last, MOST_ROUNDS)})
    axes = [x, y] if plane else [x]
    groups = (
        [("", table, failed)]
        if plane
        else [
            (f"{symbol(y)} = {v:g}", table[table[y] == v], failed[failed[y] == v])
            for v in levels(table, y, store, MOST_ROWS)
        ]
    )
    panels = [[_panel(group, lost, one, axes, value) for one in shown] for _, group, lost in groups]
    if not any(panel.at.size for row in panels for panel in row):
        raise AnalysisError(f"{store.files.name}: fewer than two values of {x} with {value}; expected a field to show.")
    return Rounds(panels, [name for name, *_ in groups], options, plane)


def _failed(store: Store, options: Options, number: dict[str, int]) -> pd.DataFrame:
    """Where cells from the figure's start failed or diverged, and in which round: they are in no fit."""
    lost = "status IN ('failed', 'diverged') AND init = '" + options.start.replace("'", "''") + "'"
    where = f"({options.where}) AND {lost}" if options.where else lost
    table = store.to_pandas(["cell_key", options.x, options.y], where).dropna()
    return table.assign(round=table["cell_key"].map(number).fillna(0).astype(int))


def _plane(store: Store, x: str, y: str) -> bool:
    """Whether a study of this store refines along both axes of the figure."""
    for text in store.study_texts():
        section = yaml.safe_load(text).get("refine") or {}
        if isinstance(section.get("along"), list) and {x, y} == set(section["along"]):
            return True
    return False


def _panel(group: pd.DataFrame, failed: pd.DataFrame, number: int, axes: list[str], value: str) -> Panel:
    lost = failed.loc[failed["round"] <= number, axes].drop_duplicates().to_numpy(dtype=float)
    known, added = group[group["round"] < max(number, 1)], group[group["round"] == number] if number else group[:0]
    before = _means(known, axes, value)
    title = f"round {number}: {len(added)} cells" if number else f"grid: {len(known)} cells"
    if len(before) < 2:
        nothing = np.empty(0)
        return Panel(
            title,
            np.empty((0, len(axes))),
            nothing,
            nothing,
            np.empty(0, dtype=bool),
            None,
            before,
            _means(added, axes, value),
            lost,
        )
    points = before[:, : len(axes)]
    low, high = points.min(axis=0), points.max(axis=0)
    counts = np.asarray(known.groupby(axes)[value].count(), dtype=np.int64)
    variances = np.asarray(known.groupby(axes)[value].var(ddof=1).fillna(0.0), dtype=np.float64)
    noise = variance_of_means(unit_box(points, low, high, (False,) * len(axes)), counts, variances)
    means = before[:, len(axes)]
    threshold = half_way(means, noise)
    field = Field.fit(points, means, noise, low, high, level=threshold)
    sides = [np.linspace(a, b, FINE if len(axes) == 1 else FINE_ACROSS) for a, b in zip(low, high, strict=True)]
    at = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, len(axes))
    mean, sd = field.predict(at)
    above = special.ndtr((mean - (np.nan if threshold is None else threshold)) / np.maximum(sd, 1e-300))
    undecided = (above > UNDECIDED[0]) & (above < UNDECIDED[1])
    return Panel(title, at, mean, sd, undecided, threshold, before, _means(added, axes, value), lost)


def _means(table: pd.DataFrame, axes: list[str], value: str) -> Array:
    """(point, axes + value + standard error), zero for a single seed."""
    if table.empty:
        return np.empty((0, len(axes) + 2))
    grouped = table.groupby(axes)[value].agg(["mean", "sem"]).fillna(0.0).reset_index()
    return grouped.to_numpy(dtype=float)


def size(data: Rounds) -> tuple[float, float]:
    """The page's width for several rounds, one column of it for one."""
    return (PAGE_INCHES if len(data.panels[0]) > 1 else COLUMN_INCHES, 1.75 * len(data.panels) + 0.75)


def draw(data: Rounds, canvas: FigureBase) -> None:
    """Rounds from left to right, one row for each boundary; one legend below."""
    rows, columns = len(data.panels), len(data.panels[0])
    axes = canvas.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    everything = [panel for row in data.panels for panel in row]
    values = np.concatenate([panel.mean for panel in everything])
    mesh: Any = None
    for line, (row, name) in enumerate(zip(data.panels, data.rows, strict=True)):
        for ax, panel in zip(axes[line], row, strict=True):
            mesh = _map(ax, panel, float(values.min()), float(values.max())) if data.plane else _curve(ax, panel)
            ax.set_title(panel.title)
        up = label(data.options.y) if data.plane else label(data.options.value)
        axes[line, 0].set_ylabel(f"{name}\n{up}" if name and rows > 1 else up)
    for ax in axes[-1]:
        ax.set_xlabel(label(data.options.x))
    if data.plane:
        bar = canvas.colorbar(mesh, ax=axes, pad=0.02, aspect=25)
        bar.set_label(label(data.options.value))
    shared_legend(canvas, entries_of(axes.flat), size(data)[0])


def _curve(ax: Axes, panel: Panel) -> None:
    x = panel.at[:, 0]
    ax.fill_between(x, panel.mean - Z * panel.sd, panel.mean + Z * panel.sd, color=BLUE, alpha=0.25, linewidth=0,
                    label="95 % band of the field")  # fmt: skip
    ax.plot(x, panel.mean, color=BLUE, label="field")
    if panel.undecided.any():
        ax.fill_between(x, 0, 1, where=panel.undecided.tolist(), transform=ax.get_xaxis_transform(), color=ORANGE, alpha=0.35,
                        linewidth=0, zorder=0, label="phase undecided")  # fmt: skip
    if panel.threshold is not None:
        ax.axhline(panel.threshold, color=GREY, linestyle=":", linewidth=0.8)
    for points, colour, marker, text in (
        (panel.before, GREY, "o", "cells before, mean ± s.e."),
        (panel.added, RED, "D", "cells of the round"),
    ):
        if len(points):
            ax.errorbar(points[:, 0], points[:, 1], points[:, 2], fmt=marker, color=colour, markersize=3, elinewidth=0.7,
                        label=text, zorder=3)  # fmt: skip
    if len(panel.failed):
        at_foot = ax.get_xaxis_transform()
        ax.plot(panel.failed[:, 0], np.full(len(panel.failed), 0.04), "x", color="black", markersize=4, transform=at_foot,
                label=FAILED, zorder=3)  # fmt: skip


def _map(ax: Axes, panel: Panel, low: float, high: float) -> Any:
    across, up = (np.unique(panel.at[:, axis]) for axis in (0, 1))
    shape = (len(across), len(up))
    mesh = ax.pcolormesh(across, up, panel.mean.reshape(shape).T, cmap=SEQUENTIAL, vmin=low, vmax=high, rasterized=True)
    open_there = np.where(panel.undecided, 1.0, np.nan).reshape(shape).T
    ax.pcolormesh(across, up, open_there, cmap=ListedColormap([ORANGE]), alpha=0.4, rasterized=True)
    if panel.threshold is not None:
        ax.contour(across, up, panel.mean.reshape(shape).T, levels=[panel.threshold], colors="white", linewidths=1.2)
    for points, colour, marker, text in (
        (panel.before, "white", "o", "cells before"),
        (panel.added, RED, "D", "cells of the round"),
    ):
        if len(points):
            ax.scatter(
                points[:, 0],
                points[:, 1],
                s=8,
                c=colour,
                marker=marker,
                edgecolors="black",
                linewidths=0.3,
                label=text,
                zorder=3,
            )
    if len(panel.failed):
        ax.plot(*panel.failed.T, "x", color="black", markersize=4, label=FAILED, zorder=3)
    ax.fill_between([], [], [], color=ORANGE, alpha=0.4, label="phase undecided")
    return mesh


figures.register("refinement")(FigureKind(extract, size, draw))
