"""Any column along any axis: a line for each combination of the other settings, with the theory that is known for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from numpy.typing import NDArray

from explorer.analysis.grid import fine, scale
from explorer.analysis.table import varying
from explorer.axes import label, symbol
from explorer.errors import AnalysisError
from explorer.figures.base import FigureKind, Options, figures
from explorer.figures.legends import entries_of, shared_legend
from explorer.figures.selection import cells, from_start, levels, telling
from explorer.figures.series import LOOKS, banded, seed_means
from explorer.figures.style import COLUMN_INCHES, GREY, PAGE_INCHES, small_multiples
from explorer.store import Store
from explorer.theory import predicted_limits

# What of the limits on data of one kind an architecture can reach; and images that are compared with such data.
DECODERS = {"two_layer": "linear", "denoiser": "denoiser", "unrolled": "multilayer"}
WHITENED = ("pca", "zca")
FINE = 120
# Where a part of the values lie lower than the largest by this factor they are drawn on a logarithmic scale.
DECADES, SOME = 30, 0.2
# A scale starts at zero where values span so much of it.
SPAN = 0.5
# Along these, theory knows the limit of infinitely many alone.
UNLIMITED = ("samples", "weight_bits")
# Limits that are drawn beside losses, in this order: what an architecture itself reaches, then what it is compared with.
LIMITS = {
    "loss": "theory, $d\\to\\infty$",
    "linear": "rotation, Gaussian limit",
    "universal": "isotropic Gaussian data",
    "zeros": "sparse Gaussian data",
    "identity": "exact identity",
}
COMPARED = ("universal", "zeros")
DASHES = {
    "loss": (0, (5, 2)),
    "linear": (0, (5, 2)),
    "universal": (0, (5, 2)),
    "zeros": (0, (5, 2)),
    "identity": (0, (1, 1.2)),
}


@dataclass(frozen=True)
class Panel:
    """One value of y: seed means by (line, x), and theory as rows of line, limit, x, value; a line of "" holds for all."""

    title: str
    means: pd.DataFrame
    theory: pd.DataFrame


@dataclass(frozen=True)
class Lines:
    panels: list[Panel]
    names: list[str]
    options: Options
    seeds: int


def extract(store: Store, options: Options) -> Lines:
    """Seed means of the value along x, from one start; a panel for each value of y where y varies, a line for each of the rest."""
    x, y, value = options.x, options.y, options.value
    if value in (x, y):
        raise AnalysisError(f'figure: "{value}" is both an axis and the value; expected it in one place.')
    table = cells(store, options, (x, value, "seed", "init"), (x, value))
    table = from_start(table.dropna(subset=[x, value]), store, options)
    split = y != x and y in table and table[y].nunique() > 1
    within = [group for _, group in table.groupby(y)] if split else [table]
    vary = varying(table, store.settings, (x, y) if split else (x,))
    others = telling(table, [name for name in vary if any(name in varying(group, vary, ()) for group in within)])
    named = table.assign(line=[_name(others, row) for row in table[others].itertuples(index=False)])
    order = table[others].assign(line=named["line"]).drop_duplicates("line")
    names = list(order.sort_values(others)["line"]) if others else [""]
    if len(names) > len(LOOKS):
        raise AnalysisError(
            f"{store.files.name}: {', '.join(others)} vary beside {x}, in {len(names)} combinations; expected at most {len(LOOKS)}. "
            "Choose with --where, or give one of them a panel each with --y."
        )
    groups = [(_title(y, v), named[named[y] == v]) for v in levels(named, y, store)] if split else [("", named)]
    panels = [Panel(title, seed_means(g, value, ["line", x]), _theory(g, store, options, names)) for title, g in groups]
    return Lines(panels, names, options, int(table["seed"].nunique()))


def _name(others: list[str], row: tuple[Any, ...]) -> str:
    return ", ".join(
        _title(name, value) for name, value in zip(others, row, strict=True) if value is not None and value == value
    )


def _title(name: str, value: Any) -> str:
    """A setting and its value as a legend has them."""
    if isinstance(value, bool | np.bool_):
        return f"{name}" if value else f"not {name}"
    if isinstance(value, int | float | np.number):
        shown = "\\infty" if math.isinf(value) else f"{value:g}"
        return f"{symbol(name).replace('_', ' ')} = ${shown}$"
    return str(value).replace("_", " ")


def _theory(group: pd.DataFrame, store: Store, options: Options, names: list[str]) -> pd.DataFrame:
    """The limits of each line's settings along x; none for other columns than the loss."""
    columns = ["line", "limit", options.x, "value"]
    if options.value != "loss":
        return pd.DataFrame(columns=columns)
    grid = fine(np.sort(group[options.x].unique()).astype(float), FINE)
    found: dict[tuple[str, str], NDArray[np.float64]] = {}
    for name in names:
        rows = group.loc[group["line"] == name, store.settings].to_dict("records")
        for limit, values in (_limits(rows[0], options.x, grid) if rows else {}).items():
            found[limit, name] = values
    rows = []
    for limit in LIMITS:
        of = {name: values for (kind, name), values in found.items() if kind == limit}
        same = len(of) > 0 and all(
            np.allclose(v, next(iter(of.values())), atol=1e-9, equal_nan=True) for v in of.values()
        )
        for name, values in ({"": next(iter(of.values()))} if same else of).items():
            rows.append(pd.DataFrame({"line": name, "limit": limit, options.x: grid, "value": values}))
    return pd.concat(rows, ignore_index=True).dropna() if rows else pd.DataFrame(columns=columns)


def _limits(settings: Mapping[Any, Any], x: str, grid: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """The limits of one line: its own, or where that is not known those of the phases it may be in."""
    changed = {"code_dimension"} if x in ("rate", "dimension") else set()
    known = {k: v for k, v in settings.items() if k not in changed}
    points = [_predicted({**known, x: math.inf if x in UNLIMITED else point}) for point in grid]
    there = [name for name in LIMITS if any(name in point for point in points)]
    wanted = ["loss"] if "loss" in there else [name for name in there if settings.get("architecture") != "linear"]
    return {name: np.array([point.get(name, math.nan) for point in points]) for name in wanted}


def _predicted(settings: Mapping[Any, Any]) -> dict[str, float]:
    """The limits at one point; for whitened images, alone or behind a mask, those on Gaussian data with as many zeros, to compare."""
    decoder = DECODERS.get(str(settings.get("architecture")))
    images = "images" in (settings.get("source"), settings.get("inner")) and settings.get("whitening") in WHITENED
    if not images or decoder is None:
        return predicted_limits(settings, tuple(LIMITS))
    alike, name = ("gaussian", "universal") if settings["source"] == "images" else ("sparse", "zeros")
    limits = predicted_limits({**settings, "source": alike, "base": "gaussian"}, (decoder,))
    return {name: limits[decoder]} if decoder in limits else {}


def size(data: Lines) -> tuple[float, float]:
    """One column of a page for one panel, else the page."""
    count = len(data.panels)
    width = COLUMN_INCHES if count == 1 else PAGE_INCHES
    return (width, (2.6 if count == 1 else 2.1) * small_multiples(count)[0] + 0.5)


def draw(data: Lines, canvas: FigureBase) -> None:
    """Small multiples on one scale; the legend stands below."""
    count = len(data.panels)
    rows, columns = small_multiples(count)
    shared = _overlap(data.panels)
    axes = canvas.subplots(rows, columns, squeeze=False, sharex=True, sharey=shared)
    used = list(axes.flat)[:count]
    for ax in list(axes.flat)[count:]:
        ax.set_axis_off()
    together = [data.panels] * count if shared else [[panel] for panel in data.panels]
    for ax, panels in zip(used, together, strict=True):
        _scale_values(ax, panels, data.options)
    for ax, panel in zip(used, data.panels, strict=True):
        _panel(ax, panel, data)
    for i, ax in enumerate(used):
        if i + columns >= count:
            ax.set_xlabel(label(data.options.x))
            ax.tick_params(labelbottom=True)
        if i % columns == 0:
            ax.set_ylabel(label(data.options.value))
        ax.tick_params(labelleft=i % columns == 0 or not shared)
    shared_legend(canvas, entries_of(used), size(data)[0])


def _range(panel: Panel) -> tuple[float, float]:
    """Of what a panel is about: the means with their intervals, and what theory says of them, but not of other phases."""
    means, half = panel.means["mean"], panel.means["half"].fillna(0.0)
    theory = panel.theory.loc[panel.theory["limit"] != "identity", "value"] if len(panel.theory) else means
    ends = [*(means - half), *(means + half), *theory]
    return float(np.min(ends)), float(np.max(ends))


def _overlap(panels: list[Panel]) -> bool:
    """Whether the values of all panels share a range; else each has a scale of its own, on which its lines are told apart."""
    ranges = np.array([_range(panel) for panel in panels])
    return bool(ranges[:, 0].max() < ranges[:, 1].min())


def _scale_values(ax: Axes, panels: list[Panel], options: Options) -> None:
    """A logarithmic scale where some values lie far below the others, else one from zero where they reach far down."""
    means = pd.concat([panel.means["mean"] for panel in panels])
    if options.value not in ("loss", "orthogonality", "frame_defect") or means.min() <= 0:
        return
    if (means * DECADES < means.max()).mean() >= SOME:
        ax.set_yscale("log")
        return
    low, high = (pick(ends) for pick, ends in zip((min, max), zip(*map(_range, panels), strict=True), strict=True))
    room = 0.06 * ((high - low) or high)
    ax.set_ylim(0.0 if low < SPAN * high else low - room, high + room)


def _panel(ax: Axes, panel: Panel, data: Lines) -> None:
    x = data.options.x
    look = dict(zip(data.names, LOOKS, strict=False))
    for (name, limit), rows in panel.theory.groupby(["line", "limit"], sort=False):
        colour = look[str(name)][0] if name else (GREY if limit == "identity" else "black")
        ax.plot(rows[x], rows["value"], color=colour, linestyle=DASHES[str(limit)], linewidth=1.0, zorder=2,
                label=LIMITS[str(limit)] if not name else "_nolegend_")  # fmt: skip
    for name in data.names:
        rows = panel.means[panel.means["line"] == name]
        if len(rows):
            seeds = f"mean of {data.seeds} seeds, 95 %" if data.seeds > 1 else "one seed"
            banded(ax, rows, x, look[name], name or f"measured ({seeds})", joined=panel.theory.empty or x == "steps")
    own = panel.theory.loc[panel.theory["line"] != "", "limit"].unique()
    if len(own):
        of = f"each on {LIMITS[str(own[0])]}" if own[0] in COMPARED else "theory of each"
        ax.plot([], [], color=GREY, linestyle=DASHES["loss"], linewidth=1.0, label=f"{of}, $d\\to\\infty$")
    ax.set_title(panel.title)
    ax.set_xscale(scale(np.sort(panel.means[x].unique())))


figures.register("lines")(FigureKind(extract, size, draw))
