"""The learned encoders as heat maps across the transition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import FigureBase
from numpy.typing import NDArray

from explorer.analysis import classify
from explorer.analysis.encoders import sort_encoder
from explorer.axes import label, symbol
from explorer.errors import AnalysisError
from explorer.figures.base import FigureKind, Options, figures
from explorer.figures.selection import cells, combination
from explorer.figures.style import COLUMN_INCHES, PAGE_INCHES, diverging
from explorer.store import Store

MOST_COLUMNS = 6
WIDEST_INCHES = 2.2  # of one heat map


@dataclass(frozen=True)
class Minimizers:
    """Encoders by start (rows) and x (columns), sorted; with the localization and the phase of each."""

    starts: list[str]
    points: list[float]
    encoders: dict[tuple[str, float], NDArray[np.float32]]
    localization: dict[tuple[str, float], float]
    phases: dict[tuple[str, float], str]
    title: str
    x: str


def extract(store: Store, options: Options) -> Minimizers:
    """Encoders of one seed at one y (the largest not above 1, where y is the rate), at up to six values of x."""
    x, y = options.x, options.y
    table = cells(store, options, (x, y, "seed", "init", "localization"), (x, y))
    kept = store.sql("SELECT DISTINCT cell_key FROM minimizers WHERE name = 'encoder'").column(0).to_pylist()
    table = table[table["cell_key"].isin(kept)]
    if table.empty:
        raise AnalysisError(
            f"{store.files.name}: no minimizers are kept; run the study with keep: {{minimizers: true}}."
        )
    levels = np.sort(table[y].unique())
    level = float(levels[levels <= 1][-1]) if (levels <= 1).any() else float(levels[0])
    table = table[table[y] == level]
    combination(table, store, options)
    table = table[table["seed"] == table["seed"].min()].sort_values("cell_key")
    points = np.sort(table[x].unique())
    chosen = [float(points[i]) for i in np.unique(np.linspace(0, len(points) - 1, MOST_COLUMNS).round().astype(int))]
    starts = sorted(table["init"].unique(), key=lambda start: (start != options.start, start))
    encoders, localizations, phases = {}, {}, {}
    for row in (
        table.assign(phase=classify(table))[table[x].isin(chosen)].drop_duplicates(["init", x]).to_dict("records")
    ):
        encoders[row["init"], float(row[x])] = sort_encoder(store.minimizer(row["cell_key"])["encoder"])
        localizations[row["init"], float(row[x])] = float(row["localization"])
        phases[row["init"], float(row[x])] = row["phase"] or ""
    return Minimizers(list(map(str, starts)), chosen, encoders, localizations, phases, _title(table, y, level), x)


def _title(table: pd.DataFrame, y: str, level: float) -> str:
    parts = [f"{symbol(y)} = {level:g}"]
    if "dimension" in table and table["dimension"].nunique() == 1:
        parts.append(f"{symbol('dimension')} = {table['dimension'].iloc[0]}")
    return ", ".join([*parts, f"seed {table['seed'].iloc[0]}"])


def size(data: Minimizers) -> tuple[float, float]:
    """One column of a page for one heat map a row, else the page; as high as an encoder's shape asks for."""
    rows, columns = len(data.starts), len(data.points)
    shape = next(iter(data.encoders.values())).shape
    width = PAGE_INCHES if columns > 1 else COLUMN_INCHES
    side = min((width - 0.97) / columns, WIDEST_INCHES)
    return (width, rows * (side * min(1.6, shape[0] / shape[1]) + 0.42) + 0.55)


def draw(data: Minimizers, canvas: FigureBase) -> None:
    """A row a start, a column a value of x, one colour scale."""
    rows, columns = len(data.starts), len(data.points)
    axes = canvas.subplots(rows, columns, squeeze=False)
    image = None
    for i, start in enumerate(data.starts):
        for j, point in enumerate(data.points):
            ax = axes[i, j]
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_visible(True)
            encoder = data.encoders.get((start, point))
            if encoder is None:
                ax.text(0.5, 0.5, "no cell", ha="center", va="center", transform=ax.transAxes)
            else:
                image = ax.imshow(encoder, cmap=diverging(), vmin=-1, vmax=1, interpolation="nearest", aspect="auto")
                ax.set_xlabel(
                    f"{data.phases[start, point]}\nlocalization {data.localization[start, point]:.2f}", fontsize=8
                )
            if i == 0:
                ax.set_title(f"{symbol(data.x)} = {point:g}")
            if j == 0:
                ax.set_ylabel(f"{start} start\nrows of $B$")
    if image is not None:
        bar = canvas.colorbar(image, ax=axes, pad=0.01, aspect=30, ticks=[-1, -0.5, 0, 0.5, 1])
        bar.set_label("$B_{ij}$, rows and columns sorted")
    canvas.suptitle(f"learned encoders along {label(data.x)}, {data.title}", fontsize=9)


figures.register("minimizers")(FigureKind(extract, size, draw))
