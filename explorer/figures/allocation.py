"""How the rows of an encoder are shared out over the eigenvalues of the data's covariance, on the best allocation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from explorer.analysis.table import varying
from explorer.axes import label, symbol
from explorer.errors import AnalysisError
from explorer.figures.base import FigureKind, Options, figures
from explorer.figures.legends import entries_of, shared_legend
from explorer.figures.selection import cells, from_start, levels
from explorer.figures.series import LOOKS, MARK, seed_means
from explorer.figures.style import COLUMN_INCHES, PAGE_INCHES, small_multiples
from explorer.store import Store
from explorer.theory import anisotropic_allocation
from explorer.theory.spectra import eigenvalues

# Of a spectrum of many eigenvalues, neighbours are averaged into this many groups.
MOST_GROUPS = 14
# Of so few eigenvalues each is a mark of its own.
FEW = 4
DASHED = (0, (5, 2))
ALLOCATION = r"rows on it $(\tilde B^\top\!\tilde B)_{ii}$"


@dataclass(frozen=True)
class Panel:
    """One value of y: seed means of the allocation by (line, eigenvalue), and the best allocation by (line, eigenvalue)."""

    title: str
    means: pd.DataFrame
    theory: pd.DataFrame


@dataclass(frozen=True)
class Allocation:
    panels: list[Panel]
    names: list[str]
    seeds: int


def extract(store: Store, options: Options) -> Allocation:
    """(B̃ᵀB̃)_ii by eigenvalue λ_i over seeds, one line a spectrum and one panel a value of y; B̃ = BΛ^(1/2) with rows of unit norm."""
    y = options.y
    table = cells(store, options, (y, "seed", "init", "spectrum", "dimension"), (y,))
    table = from_start(table[table["spectrum"].notna() & (table["spectrum"] != "isotropic")], store, options)
    if "rotated" in table and table["rotated"].fillna(True).astype(bool).any():
        raise AnalysisError(
            f"{store.files.name}: the data's axes are rotated, so that no coordinate has an eigenvalue; expected rotated: false."
        )
    others = varying(table, store.settings, (y, "rotated"))
    lines = [", ".join(_named(n, v) for n, v in zip(others, row, strict=True) if v == v and v is not None)
             for row in table[others].itertuples(index=False)]  # fmt: skip
    table = table.assign(line=lines)
    names = sorted(table["line"].unique())
    if len(names) > len(LOOKS):
        raise AnalysisError(
            f"{store.files.name}: {len(names)} combinations of {', '.join(others)}, expected at most {len(LOOKS)}."
        )
    groups = [(value, table[table[y] == value]) for value in levels(table, y, store)]
    panels = [Panel(f"{symbol(y)} = {v:g}", _means(group, store), _theory(group)) for v, group in groups]
    if not any(len(panel.means) for panel in panels):
        raise AnalysisError(f"{store.files.name}: no encoders are kept; run the study with keep: {{minimizers: true}}.")
    return Allocation(panels, names, int(table["seed"].nunique()))


def _named(name: str, value: Any) -> str:
    if name == "spectrum":
        return str(value).replace("_", " ")
    text = f"{value:g}" if isinstance(value, int | float | np.number) else str(value).replace(":", r"\,{:}\,")
    return f"{symbol(name)} = ${text}$"


def _groups(values: np.ndarray) -> np.ndarray:
    """For each coordinate the number of its group: equal eigenvalues, or neighbours where there are many."""
    distinct, places = np.unique(-values, return_inverse=True)
    if len(distinct) <= MOST_GROUPS:
        return places
    edges = np.geomspace(values.max() * (1 + 1e-9), values[values > 0].min(), MOST_GROUPS + 1)
    return np.clip(np.searchsorted(-edges, -values) - 1, 0, MOST_GROUPS - 1)


def _means(group: pd.DataFrame, store: Store) -> pd.DataFrame:
    found = []
    for row in group.to_dict("records"):
        allocated = _allocated(store, row)
        if allocated is None:
            continue
        values = eigenvalues({str(k): v for k, v in row.items()})
        parts = pd.DataFrame({"group": _groups(values), "eigenvalue": values, "allocation": allocated})
        found.append(parts.groupby("group").mean().assign(line=row["line"], seed=row["seed"]).reset_index())
    if not found:
        return pd.DataFrame(columns=["line", "eigenvalue", "mean", "se", "n", "half"])
    return seed_means(pd.concat(found, ignore_index=True), "allocation", ["line", "eigenvalue"])


def _allocated(store: Store, row: Mapping[Any, Any]) -> np.ndarray | None:
    """The diagonal of B̃ᵀB̃ of one cell, or None where its encoder was not kept."""
    key = row["cell_key"]
    if not len(store.sql(f"SELECT 1 FROM minimizers WHERE cell_key = '{key}' AND name = 'encoder' LIMIT 1")):
        return None
    white = store.minimizer(str(key))["encoder"].astype(float) * np.sqrt(
        eigenvalues({str(k): v for k, v in row.items()})
    )
    return np.square(white / np.linalg.norm(white, axis=1, keepdims=True)).sum(axis=0)


def _theory(group: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for line, cells_of in group.groupby("line"):
        row = {str(k): v for k, v in cells_of.iloc[0].to_dict().items()}
        values = eigenvalues(row)
        best = anisotropic_allocation(values, float(row["code_dimension"]) / float(row["dimension"]))
        parts = pd.DataFrame({"group": _groups(values), "eigenvalue": values, "allocation": best})
        rows.append(parts.groupby("group").mean().assign(line=line).reset_index(drop=True))
    return pd.concat(rows, ignore_index=True)


def size(data: Allocation) -> tuple[float, float]:
    """One column of a page for one panel, else the page."""
    count = len(data.panels)
    return (COLUMN_INCHES if count == 1 else PAGE_INCHES, 2.2 * small_multiples(count)[0] + 0.6)


def draw(data: Allocation, canvas: FigureBase) -> None:
    """A panel for each value of y, eigenvalues on a logarithmic scale, the best allocation dashed."""
    count = len(data.panels)
    rows, columns = small_multiples(count)
    axes = canvas.subplots(rows, columns, squeeze=False, sharex=True)
    for ax, panel in zip(axes.flat, data.panels, strict=False):
        _panel(ax, panel, data)
    for i, ax in enumerate(axes.flat):
        if i >= count:
            ax.set_axis_off()
            continue
        if i + columns >= count:
            ax.set_xlabel(label("eigenvalues"))
            ax.tick_params(labelbottom=True)
        if i % columns == 0:
            ax.set_ylabel(ALLOCATION)
    shared_legend(canvas, entries_of(axes.flat[:1]), size(data)[0])


def _panel(ax: Axes, panel: Panel, data: Allocation) -> None:
    for name, (colour, marker) in zip(data.names, LOOKS, strict=False):
        theory = panel.theory[panel.theory["line"] == name].sort_values("eigenvalue")
        if len(theory) > FEW:
            ax.plot(theory["eigenvalue"], theory["allocation"], color=colour, linestyle=DASHED, linewidth=1.0, zorder=2)
        else:  # nothing lies between the eigenvalues of a few blocks
            ax.plot(theory["eigenvalue"], theory["allocation"], "_", color=colour, markersize=14, zorder=2)
        rows = panel.means[panel.means["line"] == name]
        ax.errorbar(rows["eigenvalue"], rows["mean"], yerr=rows["half"].fillna(0.0), fmt=marker, color=colour, elinewidth=0.9,
                    capsize=1.5, zorder=4, label=name or "measured", **MARK)  # fmt: skip
    ax.plot([], [], color="black", linestyle=DASHED, linewidth=1.0, label="best allocation, $d\\to\\infty$")
    ax.set_title(panel.title)
    ax.set_xscale("log")
    ax.set_ylim(bottom=-0.02)


figures.register("allocation")(FigureKind(extract, size, draw))
