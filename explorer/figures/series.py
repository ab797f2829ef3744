"""What figures of lines share: seed means with their 95 % interval, drawn as marks on a band, and colours in a fixed order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy import stats

from explorer.analysis import replicates
from explorer.axes import BOUNDED
from explorer.figures.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY

# Colour, mark: each tells lines apart without the other.
LOOKS = ((BLUE, "o"), (ORANGE, "^"), (GREEN, "s"), (PURPLE, "D"), (SKY, "v"), (RED, "P"), (GREY, "X"), ("black", "*"))
ROOM = 0.05
MARK: dict[str, Any] = {"markersize": 3.6, "markerfacecolor": "none", "markeredgewidth": 0.9}


def seed_means(table: pd.DataFrame, value: str, by: list[str]) -> pd.DataFrame:
    """The columns `by`, mean, se, n and half: half the width of the 95 % interval (Student's t over seeds), missing for one seed.

    Points without a finite value are left out.
    """
    found = replicates(table, value, by)
    found = found[found["n"] > 0].reset_index(drop=True)
    return found.assign(half=stats.t.ppf(0.975, np.maximum(found["n"] - 1, 1)) * found["se"])


def banded(ax: Axes, rows: pd.DataFrame, x: str, look: tuple[str, str], name: str, joined: bool = True) -> None:
    """Seed means with their intervals: marks on a line in a band, or, where they are not `joined`, marks with bars.

    On a logarithmic axis the interval is that of the logarithm, e^(±half/mean) about the mean, which stays positive. Set the axis's
    scale before.
    """
    colour, marker = look
    rows = rows.sort_values(x)
    across, mean = rows[x].to_numpy(dtype=float), rows["mean"].to_numpy(dtype=float)
    half = rows["half"].fillna(0.0).to_numpy(dtype=float)
    low, high = mean - half, mean + half
    if ax.get_yscale() == "log":
        low, high = mean * np.exp(-half / mean), mean * np.exp(half / mean)
    if joined:
        ax.fill_between(across, low, high, color=colour, alpha=0.22, linewidth=0, zorder=3)
        ax.plot(across, mean, color=colour, marker=marker, linewidth=0.8, label=name, zorder=4, **MARK)
    else:
        ax.errorbar(
            across,
            mean,
            yerr=[mean - low, high - mean],
            fmt=marker,
            color=colour,
            elinewidth=0.9,
            capsize=1.5,
            label=name,
            zorder=4,
            **MARK,
        )


def keep_in_bounds(ax: Axes, value: str) -> None:
    """The range of what is bounded, and no more, however wide the intervals of few seeds."""
    if value in BOUNDED:
        low, high = BOUNDED[value]
        ax.set_ylim(low - ROOM * (high - low), high + ROOM * (high - low))
