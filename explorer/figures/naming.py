"""Names of phases along one axis: what lies where, and a strip above the axes that says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties

from explorer.analysis import classify
from explorer.analysis.grid import edges, part
from explorer.figures.legends import POINTS_PER_INCH, width_of
from explorer.figures.style import GREY

COEXISTENCE = "coexistence"
MAJORITY = 0.5
NAME_SIZE = 8.0
TITLE_PAD, GAP = 15.0, 0.006
COLUMNS = ["phase", "low", "high"]


def lowest_phases(table: pd.DataFrame, x: str) -> pd.DataFrame:
    """Stretches of x by the phase of what has the least mean loss there, of all starts; the columns phase, low and high.

    A phase is that of more than half of the seeds. A store without order parameters has no stretches.
    """
    known = _classified(table, x)
    if known.empty:
        return pd.DataFrame(columns=COLUMNS)
    losses = known.groupby([x, "init"])["loss"].mean()
    best = losses.dropna().groupby(level=0).idxmin()
    chosen = known.set_index([x, "init"]).loc[list(best)]
    return _stretches(_majority(chosen.reset_index(), x), table[x])


def shared_phases(table: pd.DataFrame, x: str) -> pd.DataFrame:
    """Stretches of x by the phase that all starts find, and `coexistence` where they find different ones.

    Points that only some starts have, of a refinement for instance, say nothing of the others and are left out.
    """
    known = _classified(table, x)
    if known.empty:
        return pd.DataFrame(columns=COLUMNS)
    found = pd.DataFrame({start: _majority(rows, x) for start, rows in known.groupby("init")}).dropna()
    phases = {at: row.iloc[0] if row.nunique() == 1 else COEXISTENCE for at, row in found.iterrows()}
    return _stretches(pd.Series(phases, dtype=object), pd.Series(found.index))


def _classified(table: pd.DataFrame, x: str) -> pd.DataFrame:
    if "localization" not in table or not pd.api.types.is_numeric_dtype(table["localization"]):
        return pd.DataFrame(columns=[x, "init", "loss", "phase"])
    return table.assign(phase=classify(table)).dropna(subset=["phase", x])


def _majority(rows: pd.DataFrame, x: str) -> pd.Series:
    """By x the phase of more than half of the rows; `mixed` where no phase has so many."""
    shares = rows.groupby(x)["phase"].value_counts(normalize=True).unstack(fill_value=0)
    return shares.idxmax(axis=1).where(shares.max(axis=1) > MAJORITY, "mixed")


def _stretches(phases: pd.Series, along: pd.Series) -> pd.DataFrame:
    """Neighbouring points of one phase as one stretch, to half-way to the next point."""
    points = np.sort(along.dropna().unique()).astype(float)
    ends = edges(points) if len(points) else points
    rows: list[tuple[str, float, float]] = []
    for i, point in enumerate(points):
        phase = phases.get(point)
        if phase is None or phase != phase:
            continue
        if rows and rows[-1][0] == phase and rows[-1][2] == ends[i]:
            rows[-1] = (phase, rows[-1][1], float(ends[i + 1]))
        else:
            rows.append((phase, float(ends[i]), float(ends[i + 1])))
    return pd.DataFrame(rows, columns=COLUMNS)


def name_phases(ax: Axes, stretches: pd.DataFrame, inches: float) -> None:
    """A strip above the axes, which are about so many inches wide; their title moves up to make room. Names that do not fit above
    their stretch are left out.

    Call it when the limits and the scale of x are set, and the title.
    """
    if stretches.empty:
        return
    ax.set_title(ax.get_title(), pad=TITLE_PAD)
    low, high = ax.get_xlim()
    ax.set_xlim(low, high)
    font = FontProperties(size=NAME_SIZE, style="italic")
    how, at = ax.get_xscale(), ax.get_xaxis_transform()
    across = (lambda v: np.log(v / low) / np.log(high / low)) if how == "log" else (lambda v: (v - low) / (high - low))
    for phase, begin, end in stretches[COLUMNS].itertuples(index=False):
        begin, end = max(begin, low), min(end, high)
        share = float(across(end) - across(begin)) if end > begin else 0.0
        if share <= 2 * GAP:
            continue
        ends = [part(begin, end, place, how) for place in (GAP / share, 1 - GAP / share)]
        ax.plot(
            ends, [1.02, 1.02], transform=at, color=GREY, linewidth=0.8, clip_on=False, label="_nolegend_", zorder=6
        )
        if share * inches * POINTS_PER_INCH >= width_of(phase, font):
            ax.text(
                part(begin, end, 0.5, how),
                1.035,
                phase,
                transform=at,
                ha="center",
                va="bottom",
                fontproperties=font,
                color=GREY,
            )
