"""When each worker trained what: one line a worker, one bar a pack, and how long workers were idle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import FigureBase

from explorer.errors import AnalysisError
from explorer.figures.base import FigureKind, Options, figures
from explorer.figures.style import BLUE, GREEN, GREY, ORANGE, PAGE_INCHES, PURPLE, SKY
from explorer.store import Store

COLOURS = (BLUE, ORANGE, GREEN, SKY, PURPLE)
# What cells of one program share, of what a row says; named here because architectures and sources import torch.
SHAPE = ("architecture", "dimension", "code_dimension")
COLUMNS = ("status", "seconds", "pack_key", "host", "worker", "finished_at")
LINE_INCHES, LEAST_INCHES, MOST_INCHES = 0.16, 0.9, 6.0
NAMED_LINES = 24
UNITS = ((3 * 86400.0, 86400.0, "days"), (2 * 3600.0, 3600.0, "h"), (300.0, 60.0, "min"), (0.0, 1.0, "s"))


@dataclass(frozen=True)
class Timeline:
    """Bars of `pack, line, begin, end, shape, failed`, times in seconds from the first; the lines' names, in order.

    A line is a worker, and those that took its place on its host after it had ended. `idle` is the share of the lines' time,
    each from its first pack to the end of the last pack of all, in which nothing was trained; `tail` the seconds from when the
    first of them had nothing more to do to that end.
    """

    bars: pd.DataFrame
    lines: list[str]
    shapes: list[str]
    idle: float
    tail: float


def extract(store: Store, options: Options) -> Timeline:
    """The packs of the latest run that trained any of the chosen cells."""
    columns = [*COLUMNS, *(name for name in SHAPE if name in store.schema.names)]
    table = store.arrow(columns, options.where).to_pandas().dropna(subset=["finished_at", "seconds", "host"])
    if table.empty:
        chosen = f" where {options.where}" if options.where else ""
        raise AnalysisError(f"{store.files.name}: no cells{chosen} that say when and where they were trained.")
    bars = _lines(_intervals(_packs(_latest(table, store))))
    first = bars["begin"].min()
    bars = bars.assign(begin=bars["begin"] - first, end=bars["end"] - first)
    names = sorted(bars["name"].unique(), key=lambda name: (name.rpartition(" ")[0], int(name.rpartition(" ")[2])))
    bars["line"] = bars["name"].map({name: i for i, name in enumerate(names)})
    end, lives = float(bars["end"].max()), bars.groupby("line")
    there = float((end - lives["begin"].min()).sum())
    return Timeline(
        bars[["pack", "line", "begin", "end", "shape", "failed"]].sort_values(["begin", "pack"], ignore_index=True),
        names,
        sorted(bars["shape"].unique(), key=lambda shape: [(len(word), word) for word in shape.split(" ")]),
        idle=max(0.0, 1 - float((bars["end"] - bars["begin"]).sum()) / there) if there else 0.0,
        tail=end - float(lives["end"].max().min()),
    )


def _latest(table: pd.DataFrame, store: Store) -> pd.DataFrame:
    """The rows of the latest run that has any; all of a store that tells of no run."""
    for run in sorted(store.runs(), key=lambda run: run.get("started_at", ""), reverse=True):
        rows = table[table["finished_at"] >= pd.Timestamp(run["started_at"])] if "started_at" in run else table
        if len(rows):
            return rows
    return table


def _packs(table: pd.DataFrame) -> pd.DataFrame:
    """One row a published part: when that was, how long its cells took together, and whether any failed."""
    there = [name for name in SHAPE if name in table]
    moments = (table["finished_at"] - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    shapes = table[there].astype(str).agg(" ".join, axis=1)
    packs = table.assign(moment=moments, shape=shapes, failed=table["status"] == "failed").groupby("pack_key").agg(
        host=("host", "first"), worker=("worker", "first"), end=("moment", "max"), seconds=("seconds", "sum"),
        shape=("shape", "first"), failed=("failed", "any"),
    )  # fmt: skip
    packs = packs.rename_axis("pack").reset_index()
    # Rows older than the column `worker`: each part for itself.
    return packs.assign(worker=packs["worker"].astype("object").where(packs["worker"].notna(), packs["pack"]))


def _intervals(packs: pd.DataFrame) -> pd.DataFrame:
    """When each part was in training.

    A worker publishes cells that end early before others that trained beside them: of its parts that would overlap, the
    earlier is moved forward, so that its bars cover the time it was at work.
    """
    found = []
    for _, group in packs.groupby(["host", "worker"]):
        late = group.sort_values(["end", "pack"], ascending=False)
        ends, begins, limit = [], [], np.inf
        for end, seconds in zip(late["end"], late["seconds"], strict=True):
            ends.append(min(end, limit))
            limit = ends[-1] - seconds
            begins.append(limit)
        found.append(late.assign(begin=begins, end=ends))
    return pd.concat(found, ignore_index=True)


def _lines(bars: pd.DataFrame) -> pd.DataFrame:
    """The name of each bar's line: a worker takes the first line of its host on which nobody is at work any more."""
    lives = bars.groupby(["host", "worker"]).agg(begin=("begin", "min"), end=("end", "max")).reset_index()
    free: dict[str, list[float]] = {}
    names: dict[tuple[str, object], str] = {}
    for host, worker, begin, end in lives.sort_values(["begin", "end"]).itertuples(index=False):
        ends = free.setdefault(host, [])
        line = next((i for i, moment in enumerate(ends) if moment <= begin), len(ends))
        ends[line : line + 1] = [end]
        names[host, worker] = f"{host} {line + 1}"
    return bars.assign(name=[names[pair] for pair in zip(bars["host"], bars["worker"], strict=True)])


def size(data: Timeline) -> tuple[float, float]:
    """The page's width; as high as the workers need, within bounds."""
    height = float(np.clip(LINE_INCHES * len(data.lines), LEAST_INCHES, MOST_INCHES))
    rows = -(-min(len(data.shapes), len(COLOURS) + 1) // 3)
    return (PAGE_INCHES, height + 0.75 + 0.17 * rows)


def draw(data: Timeline, canvas: FigureBase) -> None:
    """Workers up, time across; a bar's colour is its shape, and a cross marks a pack with failed cells."""
    count = len(data.lines)
    ax = canvas.subplots()
    length = float(data.bars["end"].max())
    unit, name = next((unit, name) for least, unit, name in UNITS if length >= least)
    _bars(ax, data, unit)
    failed = data.bars[data.bars["failed"]]
    if len(failed):
        middle = (failed["begin"] + failed["end"]) / 2 / unit
        ax.plot(middle, failed["line"], linestyle="none", marker="X", color="black", markeredgecolor="white", markersize=6,
                markeredgewidth=0.7, label="with failed cells")  # fmt: skip
    ax.set_xlim(0, max(length / unit, 1e-9))
    ax.set_ylim(count - 0.4, -0.6)
    ax.set_xlabel(f"time ({name})")
    if count <= NAMED_LINES:
        ax.set_yticks(range(count), data.lines)
        ax.tick_params(axis="y", length=0)
    else:
        ax.set_ylabel("worker")
    workers = "1 worker" if count == 1 else f"{count} workers"
    packs = "1 pack" if len(data.bars) == 1 else f"{len(data.bars)} packs"
    tail = f", the last {data.tail / unit:.2g} {name} not all at work" if count > 1 else ""
    ax.set_title(f"{packs} on {workers}: {100 * data.idle:.1f} % idle{tail}")
    canvas.legend(loc="outside lower center", ncols=3)


def _bars(ax: Axes, data: Timeline, unit: float) -> None:
    named = data.shapes if len(data.shapes) <= len(COLOURS) else data.shapes[: len(COLOURS) - 1]
    colours: dict[str, Any] = dict(zip(named, COLOURS, strict=False))
    edge = 0.3 if len(data.bars) <= 60 * len(data.lines) else 0.0
    for shape in [*named, None]:
        chosen = data.bars["shape"] == shape if shape is not None else ~data.bars["shape"].isin(named)
        some = data.bars[chosen]
        if some.empty:
            continue
        left, right, at = some["begin"] / unit, some["end"] / unit, some["line"]
        corners = np.stack(
            [
                np.stack([x, at + side], axis=-1)
                for x, side in ((left, -0.38), (left, 0.38), (right, 0.38), (right, -0.38))
            ],
            axis=1,
        )
        bars = PolyCollection(
            list(corners), facecolors=colours.get(str(shape), GREY), edgecolors="white", linewidths=edge
        )
        bars.set_label(_called(shape) if shape is not None else "other shapes")
        ax.add_collection(bars)


def _called(shape: str) -> str:
    parts = shape.split(" ")
    return f"{parts[0].replace('_', ' ')}, $d$ = {parts[1]}, $n$ = {parts[2]}" if len(parts) == 3 else shape or "packs"


figures.register("timeline")(FigureKind(extract, size, draw))
