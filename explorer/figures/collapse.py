"""Finite-size scaling: an order parameter at every dimension, its data collapse, and where its location goes."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from explorer.analysis import fit_boundary
from explorer.analysis.grid import fine, part, scale
from explorer.analysis.scaling.collapse import POOR_ABOVE
from explorer.analysis.table import constant
from explorer.axes import label, symbol
from explorer.errors import AnalysisError
from explorer.figures.base import FigureKind, Options, figures
from explorer.figures.legends import entries_of, shared_legend
from explorer.figures.naming import name_phases, shared_phases
from explorer.figures.selection import cells, combination, from_start, levels
from explorer.figures.series import keep_in_bounds, seed_means
from explorer.figures.style import PAGE_INCHES, RED, SEQUENTIAL
from explorer.store import Store
from explorer.theory import predicted_limits

SIZE = "dimension"
MOST_ROWS, MOST_SIZES = 4, 8
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
TEXT_WIDTH, FINE = 34, 200
DASHED, THEORY = (0, (5, 2)), "theory: the tie-broken identity is below the rotation from here, $d\\to\\infty$"
# Of the height of the axes, for a line of text.
ROOM = 0.15


@dataclass(frozen=True)
class Row:
    """One value of y: seed means by (dimension, x), what the estimator found, the location at each dimension, the scaled data.

    `phases` are stretches of x by the phase at the largest dimension. `theory` is where the tie-broken identity and the rotation
    exchange order, NaN where they do not. `scaled` has the columns dimension, x = (p − p_c) d^(1/ν),
    mean and half (half of its 95 % interval); it is empty where there is no collapse.
    """

    title: str
    curves: pd.DataFrame
    phases: pd.DataFrame
    found: pd.Series
    locations: pd.DataFrame
    scaled: pd.DataFrame
    theory: float = math.nan


@dataclass(frozen=True)
class CollapseFigure:
    rows: list[Row]
    options: Options


def extract(store: Store, options: Options) -> CollapseFigure:
    """Seed means of the value along x at every dimension, from one start, with the estimator `finite_size` of each y."""
    x, y, value = options.x, options.y, options.value
    if SIZE in (x, y, value) or value in (x, y):
        raise AnalysisError(
            f'figure: found x "{x}", y "{y}" and value "{value}"; expected three different columns, none of them {SIZE}.'
        )
    table = cells(store, options, (x, y, value, SIZE, "seed", "init"), (x, y, value, SIZE))
    table = from_start(table.dropna(subset=[x, y, SIZE]), store, options)
    combination(table.assign(**{SIZE: 0}), store, options)
    shown = table[np.isfinite(table[value].to_numpy(dtype=float))]
    if shown.empty:
        raise AnalysisError(f'{store.files.name}: no cell that starts from "{options.start}" has a value of {value}.')
    levels(shown, SIZE, store, MOST_SIZES)
    found = []
    for level in levels(shown, y, store, MOST_ROWS):
        group = shown[shown[y] == level]
        curves = seed_means(group, value, [SIZE, x])
        fitted = fit_boundary(group, along=x, estimator="finite_size", order=value, size=SIZE).iloc[0]
        located = fit_boundary(group, along=x, by=[SIZE], estimator="switch", order=value)
        scaled = curves.iloc[:0].rename(columns={x: "x"})
        critical, nu = _number(fitted["collapse_critical"]), _number(fitted["collapse_nu"])
        if math.isfinite(critical) and math.isfinite(nu):
            stretched = (curves[x] - critical) * curves[SIZE].astype(float) ** (1 / nu)
            scaled = curves.drop(columns=x).assign(x=stretched)
        locations = located[[SIZE, "critical", "low", "high"]].dropna(subset=["critical"])
        found.append(
            Row(
                f"{symbol(y)} = {level:g}",
                curves,
                shared_phases(group[group[SIZE] == group[SIZE].max()], x),
                fitted,
                locations,
                scaled,
                _exchange({**constant(group, store.settings), y: level}, x, curves[x]),
            )
        )
    return CollapseFigure(found, options)


def _exchange(settings: Mapping[Any, Any], x: str, along: pd.Series) -> float:
    """The first x from which the tie-broken identity has a lower loss than the rotation, as d → ∞."""
    known = {name: value for name, value in settings.items() if name not in (SIZE, "code_dimension")}
    grid = fine(np.sort(along.unique()).astype(float), FINE)
    limits = [predicted_limits({**known, x: point}, ("linear", "tie_broken_identity")) for point in grid]
    if not all(len(limit) == 2 for limit in limits):
        return math.nan
    gain = np.array([limit["linear"] - limit["tie_broken_identity"] for limit in limits])
    rises = np.flatnonzero((gain[:-1] <= 0) & (gain[1:] > 0))
    if not len(rises):
        return math.nan
    i = int(rises[0])
    return part(grid[i], grid[i + 1], float(gain[i] / (gain[i] - gain[i + 1])), scale(grid))


def size(data: CollapseFigure) -> tuple[float, float]:
    """The page's width."""
    return (PAGE_INCHES, 2.2 * len(data.rows) + 0.45)


def draw(data: CollapseFigure, canvas: FigureBase) -> None:
    """A row for each y: curves, collapse, extrapolation; one legend of the dimensions below."""
    count = len(data.rows)
    axes = canvas.subplots(count, 3, squeeze=False)
    sizes = sorted({float(size) for row in data.rows for size in row.curves[SIZE]})
    shades = mpl.colormaps[SEQUENTIAL](np.linspace(0.0, 0.85, len(sizes)))
    looks = {size: (shade, marker) for size, shade, marker in zip(sizes, shades, MARKERS, strict=False)}
    for (left, middle, right), row in zip(axes, data.rows, strict=True):
        _curves(left, row, data.options, looks)
        _collapsed(middle, row, data.options, looks)
        _extrapolation(right, row, data.options, looks)
    shared_legend(canvas, entries_of(axes.flat), PAGE_INCHES, title="mean over seeds, 95 % interval")


def _points(ax: Axes, x: pd.Series, rows: pd.DataFrame, size: float, looks: dict[float, tuple[Any, str]]) -> None:
    shade, marker = looks[size]
    ax.errorbar(x, rows["mean"], yerr=rows["half"].fillna(0.0), fmt=marker, color=shade, markersize=3.2, markeredgewidth=0.7,
                markerfacecolor="none", elinewidth=0.8, linewidth=0.7, label=f"{symbol(SIZE)} = {size:g}")  # fmt: skip


def _curves(ax: Axes, row: Row, options: Options, looks: dict[float, tuple[Any, str]]) -> None:
    for size, rows in row.curves.groupby(SIZE):
        _points(ax, rows[options.x], rows, float(size), looks)  # pyright: ignore[reportArgumentType]
        ax.plot(rows[options.x], rows["mean"], color=looks[float(size)][0], linewidth=0.6)  # pyright: ignore[reportArgumentType]
    critical = _number(row.found["critical"])
    if math.isfinite(critical):
        ax.axvline(critical, color=RED, linewidth=0.9, zorder=1)
    if math.isfinite(row.theory):
        ax.axvline(row.theory, color="black", linestyle=DASHED, linewidth=0.9, zorder=1, label=THEORY)
    ax.set(xlabel=label(options.x), ylabel=label(options.value), title=row.title)
    keep_in_bounds(ax, options.value)
    ax.set_xscale(scale(np.sort(row.curves[options.x].unique())))
    name_phases(ax, row.phases, PAGE_INCHES / 3 - 0.6)


def _collapsed(ax: Axes, row: Row, options: Options, looks: dict[float, tuple[Any, str]]) -> None:
    p, d = symbol(options.x).strip("$"), symbol(SIZE).strip("$")
    p = p if symbol(options.x).startswith("$") else rf"\mathrm{{{p}}}".replace("_", r"\ ")
    ax.set(xlabel=rf"$({p} - {p}_c)\,{d}^{{1/\nu}}$", ylabel=label(options.value), title="data collapse")
    found = row.found
    if row.scaled.empty:
        ax.set(xticks=[], yticks=[])
        _say(ax, "no collapse of these sizes")
        return
    for size, rows in row.scaled.groupby(SIZE):
        _points(ax, rows["x"], rows, float(size), looks)  # pyright: ignore[reportArgumentType]
    keep_in_bounds(ax, options.value)
    if _number(found["collapse_quality"]) > POOR_ABOVE:
        _say(ax, f"no collapse within errors:\n$S$ = {_number(found['collapse_quality']):.2g} at best")
        return
    critical = _with_error(rf"{p}_c", found["collapse_critical"], found["collapse_critical_se"])
    nu = _with_error(r"\nu", found["collapse_nu"], found["collapse_nu_se"])
    _say(ax, f"{critical}\n{nu}\n$S$ = {_number(found['collapse_quality']):.2g}")


def _extrapolation(ax: Axes, row: Row, options: Options, looks: dict[float, tuple[Any, str]]) -> None:
    """Locations against d^(−1/ν), ν of the extrapolation; d^(−1) where there is none."""
    found, located = row.found, row.locations
    critical, nu, amplitude = (_number(found[name]) for name in ("critical", "nu", "amplitude"))
    moving = math.isfinite(nu)
    exponent = 1 / nu if moving else 1.0
    for size, at, low, high in located[[SIZE, "critical", "low", "high"]].itertuples(index=False):
        shade, marker = looks[float(size)]
        error = None if math.isnan(low) else [[max(at - low, 0.0)], [max(high - at, 0.0)]]
        ax.errorbar(
            [size**-exponent], [at], yerr=error, fmt=marker, color=shade, markersize=4, capsize=2, elinewidth=0.9
        )
    d, p = symbol(SIZE).strip("$"), symbol(options.x)
    ax.set(
        xlabel=rf"${d}^{{-1/\nu}}$" if moving else rf"${d}^{{-1}}$",
        ylabel=f"location of the switch, {p}",
        title="extrapolation",
    )
    if math.isfinite(critical):
        end = max(float(located[SIZE].min()) ** -exponent, 0.0) * 1.05
        ax.plot(
            [0, end], [critical, critical + (amplitude * end if moving else 0.0)], color=RED, linewidth=0.9, zorder=1
        )
        low, high = _number(found["low"]), _number(found["high"])
        error = [[critical - low], [high - critical]] if math.isfinite(low) else None
        ax.errorbar([0], [critical], yerr=error, fmt="*", color=RED, markersize=7, capsize=2, elinewidth=0.9,
                    label="infinite size (95 %)" if error else "infinite size", zorder=4)  # fmt: skip
        name = p.strip("$") if p.startswith("$") else rf"\mathrm{{{p}}}".replace("_", r"\ ")
        lines = [_with_error(rf"{name}_c", critical, found["se"])]
        lines += [_with_error(r"\nu", nu, found["nu_se"])] if moving else [r"$\nu$ unidentifiable"]
        text = "\n".join(lines)
    else:
        text = textwrap.fill(str(found["note"]).split(";")[0].replace(" nu ", " ν "), TEXT_WIDTH)
    if math.isfinite(row.theory):
        ax.axhline(row.theory, color="black", linestyle=DASHED, linewidth=0.9, zorder=1)
    ax.margins(x=0.12, y=0.08)
    _say(ax, text)


def _say(ax: Axes, text: str) -> None:
    """Text along the top of the axes, which are made higher so that no point stands behind it."""
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + ROOM * (text.count("\n") + 1) * (high - low))
    ax.text(0.03, 0.98, text, transform=ax.transAxes, fontsize=8, ha="left", va="top")


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _with_error(name: str, value: Any, error: Any) -> str:
    """A value with its standard error, to two digits of the error."""
    value, error = _number(value), _number(error)
    if not (math.isfinite(error) and error > 0):
        return rf"${name}$ = {value:.3g}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return rf"${name}$ = {value:.{digits}f} ± {error:.{digits}f}"


figures.register("collapse")(FigureKind(extract, size, draw))
