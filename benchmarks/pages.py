"""A report of 100,000 cells: how long it takes to write, how large it is, how it answers in Chromium, what a live page asks for.

Beside it, the same cells as rows that Vega-Lite itself filters and averages at every switch. Ratios are to one pandas frame of the
whole store, for what Python does, and to explorer's page, for what the browser does.
Writes benchmarks/results/pages.json and pages.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from playwright.sync_api import Page, sync_playwright
from report import write
from store import SPARSITIES, packs

from explorer.records import MINIMIZERS
from explorer.report import View, write_report
from explorer.report.live import Live
from explorer.report.page import json_text, library
from explorer.report.server import server
from explorer.store import Store, StoreWriter, open_store
from explorer.store.compact import compact

CELLS = 100_000
CELLS_A_PART = 5_000
ENCODER_SIDE = 32
NEW_CELLS = 1_000
REPEATS = 7
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
COLUMNS = ("what", "system", "cells", "seconds", "ratio", "megabytes")
RIVAL = """<!DOCTYPE html><meta charset="utf-8"><title>rival</title><div id="map"></div>
<script type="application/json" id="rows">ROWS</script><script>LIBRARY</script><script>
const spec = {
  width: 600, height: 400, data: {name: "rows", values: JSON.parse(document.getElementById("rows").textContent)},
  params: [{name: "init", value: "random"}, {name: "dimension", value: 64}],
  transform: [
    {filter: "datum.init === init && datum.dimension === dimension"},
    {aggregate: [{op: "mean", field: "localization", as: "mean"}], groupby: ["sparsity", "rate"]},
  ],
  mark: "rect",
  encoding: {x: {field: "sparsity", type: "ordinal"}, y: {field: "rate", type: "ordinal"},
             color: {field: "mean", type: "quantitative"}, tooltip: {field: "mean"}},
};
vegaEmbed("#map", spec, {actions: false, ast: true, renderer: "canvas"}).then(({view}) => {
  window.turn = async (init) => { view.signal("init", init); await view.runAsync(); };
  document.documentElement.dataset.drawn = "1";
});
</script>"""


def make_store(place: Path, cells: int) -> Store:
    """A compacted store of this many cells with curves, all with encoders of 32 by 32."""
    writer = StoreWriter(str(place))
    writer.create()
    entries = np.random.default_rng(0).standard_normal(ENCODER_SIDE**2).astype(np.float32) / ENCODER_SIDE**0.5
    rows: list[pa.Table] = []
    curves: list[pa.Table] = []
    for _, row, curve in packs(cells):
        rows.append(row)
        curves.append(curve)
        if sum(map(len, rows)) < CELLS_A_PART:
            continue
        keys = [key for table in rows for key in table["cell_key"].to_pylist()]
        kept = pa.Table.from_pydict({
            "cell_key": keys, "pack_key": [p for table in rows for p in table["pack_key"].to_pylist()],
            "name": ["encoder"] * len(keys), "rows": [ENCODER_SIDE] * len(keys), "columns": [ENCODER_SIDE] * len(keys),
            "values": [np.roll(entries, number) for number in range(len(keys))],
        }, schema=MINIMIZERS)  # fmt: skip
        writer.publish(keys[0], pa.concat_tables(rows), pa.concat_tables(curves), kept)
        rows, curves = [], []
    writer.keep_study("name: large\n", [])
    compact(place, 0.0)
    return open_store(place)


def news(place: Path, cells: int) -> Iterator[tuple[str, float, int]]:
    """What a page of this many cells asks its server for when a thousand are new: what, seconds and bytes."""
    live = Live(str(place), View())
    mark = live.look()["mark"]
    writer = StoreWriter(str(place))
    for pack, row, curve in itertools.islice(packs(cells + NEW_CELLS), cells // SPARSITIES, None):
        writer.publish(pack, row, curve)
    while live.look()["mark"] == mark:
        time.sleep(0.5)
    serving = server(live, "127.0.0.1", 0)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    for what, path in (("ask for all data", "data.json"), ("ask for what is new", f"data.json?since={mark}")):
        begin = time.perf_counter()
        with urllib.request.urlopen(serving.url + path) as answer:
            yield what, time.perf_counter() - begin, len(answer.read())
    serving.shutdown()
    serving.server_close()


def timed(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def in_browser(
    page: Page, url: str, ready: str, switch: Callable[[int], None], hover: Callable[[int], None] | None
) -> dict[str, float]:
    """Medians of seconds from navigation until the diagram is drawn, of a switch until it is drawn again, and of a hover."""
    begin = time.perf_counter()
    page.goto(url)
    page.wait_for_selector(ready, timeout=300_000)
    found = {"open": time.perf_counter() - begin}
    found["switch"] = statistics.median(timed(lambda n=n: switch(n)) for n in range(REPEATS))
    if hover is not None:
        found["hover"] = statistics.median(timed(lambda n=n: hover(n)) for n in range(REPEATS))
    return found


def ours(page: Page, url: str) -> dict[str, float]:
    def switch(number: int) -> None:
        before = page.get_attribute("html", "data-drawn")
        page.get_by_label("start", exact=True).select_option(("identity", "random")[number % 2])
        page.wait_for_function("before => document.documentElement.dataset.drawn !== before", arg=before)

    def hover(number: int) -> None:
        box = page.locator("#diagram canvas").bounding_box() or {"x": 0, "y": 0, "width": 0, "height": 0}
        before = page.inner_text("#card")
        page.mouse.move(box["x"] + box["width"] * (0.2 + 0.08 * number), box["y"] + 0.5 * box["height"])
        page.wait_for_function("before => !card.hidden && card.innerText !== before", arg=before)

    return in_browser(page, url, "html[data-drawn][data-opened]", switch, hover)


def theirs(page: Page, url: str) -> dict[str, float]:
    return in_browser(
        page,
        url,
        "html[data-drawn]",
        lambda n: page.evaluate("init => turn(init)", ("identity", "random")[n % 2]),
        None,
    )


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=CELLS)
    parser.add_argument("--out", type=Path, default=None)
    chosen = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []

    def note(what: str, system: str, seconds: float, of: float, megabytes: float | None = None) -> None:
        rows.append({"what": what, "system": system, "cells": chosen.cells, "seconds": seconds, "ratio": seconds / of,
                     "megabytes": megabytes})  # fmt: skip
        print(f"{what:24s} {system:28s} {seconds:8.3f} s {seconds / of:8.2f}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        store = make_store(place / "store", chosen.cells)
        unit = min(timed(lambda: store.refresh().to_pandas()) for _ in range(3))
        note("read all columns", "pandas", unit, unit)
        note("extract the library", "vl-convert", timed(library), unit)
        for budget in (20.0, 0.0):
            path = place / f"report-{budget:g}.html"
            took = timed(lambda path=path, budget=budget: write_report(store.refresh(), path, budget=budget))
            note(f"write, budget {budget:g} MB", "explorer report", took, unit, path.stat().st_size / 1e6)
        frame = store.to_pandas(["sparsity", "rate", "init", "dimension", "seed", "loss", "localization", "cell_key"])
        text = json_text(json.loads(frame.round(5).to_json(orient="records")))
        rival = place / "rival.html"
        rival.write_text(RIVAL.replace("ROWS", text).replace("LIBRARY", library()))
        with sync_playwright() as playwright:
            launched = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            page = launched.new_page(viewport={"width": 1280, "height": 900})
            first = ours(page, f"file://{place}/report-20.html")
            other = theirs(launched.new_page(viewport={"width": 1280, "height": 900}), f"file://{rival}")
            launched.close()
        live = list(news(place / "store", chosen.cells))
        for what, seconds in first.items():
            note(what, "explorer report", seconds, seconds, (place / "report-20.html").stat().st_size / 1e6)
        for what, seconds in other.items():
            note(what, "Vega-Lite over rows", seconds, first[what], rival.stat().st_size / 1e6)
        for what, seconds, size in live:
            note(what, "explorer serve", seconds, live[0][1], size / 1e6)
    notes = [
        "Ratios: what Python does to reading all columns as one pandas frame, what the browser does to explorer's page, what "
        "a live page asks for to asking for all.",
        f"A live page asks when {NEW_CELLS:,} cells are new, over loopback.",
        "The store is compacted; every cell has a curve of ten points and an encoder of 32 x 32. Times in the browser include the "
        f"round trips of Playwright; medians of {REPEATS}, opening once.",
    ]
    where = {} if chosen.out is None else {"folder": chosen.out}
    write(
        "pages",
        "python benchmarks/pages.py",
        COLUMNS,
        rows,
        notes,
        packages=("vl-convert-python", "playwright"),
        **where,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
