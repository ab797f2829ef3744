"""The minimizers that each gradient finds: losses on the four phases of sparse data with a 1-bit code, and their localization."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from explorer.analysis.grid import fine, scale
from explorer.analysis.table import constant, varying
from explorer.axes import label, symbol
from explorer.errors import AnalysisError
from explorer.figures.base import FigureKind, Options, figures
from explorer.figures.legends import entries_of, shared_legend
from explorer.figures.naming import lowest_phases, name_phases
from explorer.figures.selection import cells, levels
from explorer.figures.series import banded, keep_in_bounds, seed_means
from explorer.figures.style import BLUE, COLUMN_INCHES, GREEN, GREY, ORANGE, PAGE_INCHES, PURPLE
from explorer.store import Store
from explorer.theory import predicted_limits

FINE, MOST_COLUMNS = 120, 4
STARTS = {"random": (BLUE, "o"), "identity": (ORANGE, "^")}
OTHERS = ((GREEN, "s"), (PURPLE, "D"), (GREY, "X"))
PHASES = {
    "linear": ("rotation", "black", (0, (5, 2))),
    "mixed": ("best mixed encoder", GREEN, (0, (5, 1.5, 1, 1.5))),
    "tie_broken_identity": ("tie-broken identity", PURPLE, (0, (3, 1.2))),
    "identity": ("exact identity", GREY, (0, (1, 1.2))),
}


@dataclass(frozen=True)
class Panel:
    """One surrogate: seed means of the loss and of the order parameter by (init, x), and stretches of phases."""

    title: str
    losses: pd.DataFrame
    orders: pd.DataFrame
    names: pd.DataFrame


@dataclass(frozen=True)
class Surrogates:
    """The panels, the losses of the phases along x, and what is shown."""

    panels: list[Panel]
    phases: pd.DataFrame
    starts: list[str]
    options: Options
    seeds: int
    title: str


def extract(store: Store, options: Options) -> Surrogates:
    """By surrogate and start, along x: loss and `options.value`, beside the losses of the four phases.

    Of several values of y it is the largest that is not above 1.
    """
    x, value = options.x, options.value
    table = cells(store, options, (x, "surrogate", value, "loss", "seed", "init"), (x, value, "loss")).dropna(
        subset=[x]
    )
    table, title = _one_level(table, options.y)
    others = varying(table, store.settings, (x, "surrogate"))
    others = [name for name in others if table.dropna(subset=[name]).groupby("surrogate")[name].nunique().max() > 1]
    if others:
        raise AnalysisError(
            f"{store.files.name}: {', '.join(others)} also vary; expected one combination. Choose with --where, "
            f'e.g. --where "{others[0]} = {table[others[0]].dropna().tolist()[0]!r}".'
        )
    panels = [
        Panel(
            str(name).replace("_", " "),
            seed_means(table[table["surrogate"] == name], "loss", ["init", x]),
            seed_means(table[table["surrogate"] == name], value, ["init", x]),
            lowest_phases(table[table["surrogate"] == name], x),
        )
        for name in levels(table, "surrogate", store, MOST_COLUMNS)
    ]
    settings = {k: v for k, v in constant(table, store.settings).items() if k not in ("weight_bits", "samples")}
    grid = fine(np.sort(table[x].unique()).astype(float), FINE)
    limits = [predicted_limits({**settings, x: point}, tuple(PHASES)) for point in grid]
    phases = pd.DataFrame(
        [{x: p, **{n: v for n, v in of.items() if n in PHASES}} for p, of in zip(grid, limits, strict=True)]
    )
    starts = sorted(map(str, table["init"].unique()), key=lambda start: ([*STARTS, start].index(start), start))
    return Surrogates(panels, phases, starts, options, int(table["seed"].nunique()), title)


def _one_level(table: pd.DataFrame, y: str) -> tuple[pd.DataFrame, str]:
    """The cells at one value of y, the largest not above 1 where there is one, and its name."""
    if y not in table or not pd.api.types.is_numeric_dtype(table[y]) or table[y].isna().all():
        return table, ""
    values = np.sort(table[y].dropna().unique())
    level = float(values[values <= 1][-1]) if (values <= 1).any() else float(values[0])
    return table[table[y] == level], f"{symbol(y)} = {level:g}"


def size(data: Surrogates) -> tuple[float, float]:
    """The page's width for several surrogates, one column of it for one."""
    return (PAGE_INCHES, 4.3) if len(data.panels) > 1 else (COLUMN_INCHES, 5.0)


def draw(data: Surrogates, canvas: FigureBase) -> None:
    """A column for each surrogate: the loss above, on the losses of the phases, the order parameter below."""
    count = len(data.panels)
    axes = canvas.subplots(2, count, squeeze=False, sharex=True, sharey="row")
    x = data.options.x
    for (above, below), panel in zip(axes.T, data.panels, strict=True):
        for name, (text, colour, dashes) in PHASES.items():
            if name in data.phases:
                above.plot(
                    data.phases[x],
                    data.phases[name],
                    color=colour,
                    linestyle=dashes,
                    linewidth=1.0,
                    label=text,
                    zorder=2,
                )
        _means(above, panel.losses, data)
        _means(below, panel.orders, data)
        keep_in_bounds(below, data.options.value)
        above.set_title(", ".join(part for part in (panel.title, data.title) if part))
        below.set_xlabel(label(x))
        below.set_xscale(scale(np.sort(panel.losses[x].unique())))
        name_phases(above, panel.names, size(data)[0] / count - 0.4)
    axes[0, 0].set_ylabel(label("loss"))
    axes[1, 0].set_ylabel(label(data.options.value))
    shared_legend(canvas, entries_of(axes[0]), size(data)[0])


def _means(ax: Axes, means: pd.DataFrame, data: Surrogates) -> None:
    others = [start for start in data.starts if start not in STARTS]
    looks = {**STARTS, **dict(zip(others, OTHERS * len(others), strict=False))}
    known = "mean, 95 %" if data.seeds > 1 else "one seed"
    for start in data.starts:
        rows = means[means["init"].astype(str) == start]
        if len(rows):
            banded(ax, rows, data.options.x, looks[start], f"{start} start ({known})")


figures.register("surrogates")(FigureKind(extract, size, draw))
