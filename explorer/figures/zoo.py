"""Architectures compared on one data set at equal code length."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import MaxNLocator

from explorer.axes import label, symbol
from explorer.errors import AnalysisError
from explorer.figures.base import FigureKind, Options, figures
from explorer.figures.legends import entries_of, shared_legend
from explorer.figures.selection import cells, from_start, levels, same_data, variants
from explorer.figures.series import seed_means
from explorer.figures.style import BLUE, COLUMN_INCHES, GREY, ORANGE, PAGE_INCHES, in_rows
from explorer.store import Store

MOST_PANELS = 6
ROW_INCHES = 0.19
LOOKS = {
    "real": (BLUE, "o", "real-valued code"),
    "discrete": (ORANGE, "s", "discrete code (signs)"),
    "unknown": (BLUE, "o", ""),
}


@dataclass(frozen=True)
class Panel:
    """One code length: by architecture the mean loss and the half-width of its 95 % interval, and the loss of PCA."""

    title: str
    losses: pd.DataFrame
    pca: float


@dataclass(frozen=True)
class Zoo:
    """The panels, and the architectures from the least mean loss in the first panel on."""

    panels: list[Panel]
    architectures: list[str]
    seeds: int
    label: str


def extract(store: Store, options: Options) -> Zoo:
    """Losses from one start by code length and architecture over seeds; `x`, `y` and `value` are not used."""
    table = cells(
        store, options, ("architecture", "code_dimension", "loss", "seed", "init"), ("code_dimension", "loss")
    )
    table = from_start(table, store, options)
    same_data(table, store, ("rate",))
    table = table[np.isfinite(table["loss"])]
    if table.empty:
        raise AnalysisError(f"{store.files.name}: no cell has a finite loss.")
    table = table.assign(name=variants(table, store.settings, ("rate",)), kind=_kinds(table))
    found = []
    for length in levels(table, "code_dimension", store, MOST_PANELS):
        group = table[table["code_dimension"] == length]
        found.append(Panel(_title(group, length), _losses(group), _pca(group)))
    return Zoo(found, _order(found), int(table["seed"].nunique()), _label(table))


def _kinds(table: pd.DataFrame) -> pd.Series:
    """Whether a code is discrete, by its entropy, which a real-valued code has none of."""
    if "code_entropy" not in table or table["code_entropy"].isna().all():
        return pd.Series("unknown", index=table.index)
    return table["code_entropy"].notna().map({True: "discrete", False: "real"})


def _losses(group: pd.DataFrame) -> pd.DataFrame:
    """Columns name, mean, se, n, half, kind."""
    losses = seed_means(group, "loss", ["name"])
    return losses.assign(kind=losses["name"].map(group.groupby("name")["kind"].first()))


def _pca(group: pd.DataFrame) -> float:
    """Mean of the loss of principal components; missing where no cell has it, or the loss is of another kind."""
    return float(group["pca_loss"].mean()) if "pca_loss" in group and not _cross_entropy(group) else math.nan


def _cross_entropy(table: pd.DataFrame) -> bool:
    return "distortion" in table and bool((table["distortion"] == "cross_entropy").any())


def _label(table: pd.DataFrame) -> str:
    return "cross-entropy (nats per coordinate)" if _cross_entropy(table) else label("loss")


def _title(group: pd.DataFrame, length: float) -> str:
    rates = (group["code_dimension"] / group["dimension"]).unique() if "dimension" in group else []
    rate = f" ({symbol('rate')} = {rates[0]:.3g})" if len(rates) == 1 else ""
    return f"{symbol('code_dimension')} = {length:g}{rate}"


def _order(found: list[Panel]) -> list[str]:
    """By mean loss in the first panel; what is not there follows by the first panel that has it."""
    means = pd.concat([panel.losses.assign(panel=i) for i, panel in enumerate(found)])
    return means.sort_values(["panel", "mean", "name"]).drop_duplicates("name")["name"].tolist()


def size(data: Zoo) -> tuple[float, float]:
    """A line of text high for each architecture."""
    rows, columns = in_rows(len(data.panels))
    height = rows * (ROW_INCHES * (len(data.architectures) + 1) + 0.65) + 0.35
    return (COLUMN_INCHES if columns == 1 else PAGE_INCHES, height)


def draw(data: Zoo, canvas: FigureBase) -> None:
    """A column of names, and a panel of dots for each code length, on one order of names."""
    count = len(data.panels)
    rows, columns = in_rows(count)
    axes = canvas.subplots(rows, columns, squeeze=False, sharey=True)
    used, spare = list(axes.flat)[:count], list(axes.flat)[count:]
    for i, (ax, panel) in enumerate(zip(used, data.panels, strict=True)):
        _panel(ax, panel, data)
        if i + columns >= count:
            ax.set_xlabel(data.label)
    for ax in spare:
        ax.set_axis_off()
    shared_legend(canvas, dict(reversed(entries_of(used).items())), size(data)[0])


def _panel(ax: Axes, panel: Panel, data: Zoo) -> None:
    places = {name: i for i, name in enumerate(data.architectures)}
    for kind, rows in panel.losses.groupby("kind"):
        colour, marker, text = LOOKS[str(kind)]
        seeds = f"mean of {data.seeds} seeds, 95 %" if data.seeds > 1 else "one seed"
        says = f"{text}: {seeds}" if text else seeds
        ax.errorbar(rows["mean"], rows["name"].map(places), xerr=rows["half"].fillna(0.0), fmt=marker, color=colour,
                    markersize=4.2, markerfacecolor="white", markeredgewidth=1.0, elinewidth=1.0, capsize=1.8, label=says,
                    zorder=3)  # fmt: skip
    if np.isfinite(panel.pca):
        ax.axvline(panel.pca, color=GREY, linestyle=(0, (4, 2)), linewidth=1.0, label="PCA of this length", zorder=2)
    ax.set_title(panel.title)
    ax.set_yticks(list(places.values()), list(places))
    ax.set_ylim(len(places) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(5, min_n_ticks=3, steps=[1, 2, 2.5, 5, 10]))
    ax.grid(axis="y", color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)


figures.register("zoo")(FigureKind(extract, size, draw))
