"""Requests to an object store: what resuming, a query and status take of a store of many parts, as written, kept tidy, compacted.

The endpoint is moto on loopback, which counts requests; its seconds are those of a small Python server that shares this machine, not
of a cloud. The rival reads the same parts in the same run as a directory of Parquet files, with pyarrow.dataset: list, then open each.
Writes benchmarks/results/object_store.json and object_store.md.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.dataset as ds
import report
import store as made_up

sys.path.insert(0, str(Path(__file__).parents[1]))

from explorer.store import Store, StoreWriter, open_store
from explorer.store.compact import compact, tidy
from explorer.store.files import Files
from tests.object_store.server import S3Server, s3_server

LARGE = 100_000
PILE = 512  # the parts at which a run merges
QUERY = "SELECT rate, avg(loss) AS loss FROM cells WHERE init = 'random' AND dimension = 64 GROUP BY rate ORDER BY rate"
COLUMNS = ("parts", "state", "what", "requests", "LIST", "HEAD", "GET", "PUT", "DELETE", "seconds", "rival / this")


def resume(uri: str) -> int:
    """What a run asks before it trains: what was proposed, and which of the planned cells have no row."""
    open_store(uri).rounds("0" * 12)
    store: Store = open_store(uri)
    return len(store.missing([SimpleNamespace(key=key) for key in store.planned_keys()]))


def as_dataset(uri: str, columns: list[str], chosen: Any = None) -> int:
    """Columns of every part, as pyarrow.dataset reads a directory of Parquet files."""
    files = Files(uri)
    there = ds.dataset(files.path("cells"), format="parquet", filesystem=files.system)
    return there.to_table(columns=columns, filter=chosen).num_rows


ASKED: dict[str, Callable[[str], Any]] = {
    "resume": resume,
    "query": lambda uri: open_store(uri).sql(QUERY).num_rows,
    "status": lambda uri: open_store(uri).status()["cells"],
}

RIVALS: dict[str, Callable[[str], Any]] = {
    "pyarrow.dataset, keys": lambda uri: as_dataset(uri, ["cell_key", "status"]),
    "pyarrow.dataset, query": lambda uri: as_dataset(
        uri, ["rate", "loss"], (ds.field("init") == "random") & (ds.field("dimension") == 64)
    ),
}
RIVAL_OF = {"resume": "pyarrow.dataset, keys", "status": "pyarrow.dataset, keys", "query": "pyarrow.dataset, query"}


def counted(server: S3Server, parts: int, state: str, what: str, work: Callable[[], Any]) -> dict[str, Any]:
    """A row: the requests and seconds that this work takes."""
    server.reset_counts()
    begin = time.perf_counter()
    work()
    seconds, counts = time.perf_counter() - begin, server.counts()
    row = {"parts": parts, "state": state, "what": what, "requests": counts.total(), "seconds": seconds, **counts}
    print(f"{parts:7d} {state:12s} {what:16s} {row['requests']:8d} requests {seconds:8.2f} s", flush=True)
    return row


def fill(uri: str, packs: Iterator[Any], count: int) -> list[str]:
    """Publish the next packs, eight at a time; returns the keys of their cells."""
    writer = StoreWriter(uri)
    some = [(pack, rows) for pack, rows, _ in itertools.islice(packs, count)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: writer.publish(*one), some))
    return [key for _, rows in some for key in rows.column("cell_key").to_pylist()]


def measured(server: S3Server, parts: int) -> list[dict[str, Any]]:
    """Two stores of so many parts: one read as it was written, one kept tidy all the while as a run does."""
    rows, keys = [], []
    whole, kept = (server.uri(f"bench/{name}-{parts}") for name in ("whole", "kept"))
    for uri in (whole, kept):
        StoreWriter(uri).create()
    packs = made_up.packs(parts * made_up.SPARSITIES)
    rows.append(counted(server, parts, "as written", "publish", lambda: keys.extend(fill(whole, packs, parts))))
    StoreWriter(whole).keep_study("name: large\n", keys)
    StoreWriter(kept).keep_study("name: large\n", keys)
    del keys
    asked = [counted(server, parts, "as written", what, lambda ask=ask: ask(whole)) for what, ask in ASKED.items()]
    rows += asked
    rows += [counted(server, parts, "as written", what, lambda ask=ask: ask(whole)) for what, ask in RIVALS.items()]
    rows.append(counted(server, parts, "as written", "compact", lambda: compact(whole)))
    rows.append(counted(server, parts, "compacted", "delete replaced", lambda: compact(whole, grace=0)))
    rows += [counted(server, parts, "compacted", what, lambda ask=ask: ask(whole)) for what, ask in ASKED.items()]
    rows.append(counted(server, parts, "kept tidy", "publish and tidy", lambda: filled_tidily(kept, parts)))
    rows += [counted(server, parts, "kept tidy", what, lambda ask=ask: ask(kept)) for what, ask in ASKED.items()]
    return compared(rows)


def filled_tidily(uri: str, parts: int) -> None:
    """Publish, and merge each time that parts have piled up, as a run's upkeep does; replaced files wait for their grace."""
    packs = made_up.packs(parts * made_up.SPARSITIES)
    for start in range(0, parts, PILE):
        fill(uri, packs, min(PILE, parts - start))
        tidy(uri, most_parts=PILE)


def extrapolated(rows: list[dict[str, Any]], sizes: list[int]) -> list[dict[str, Any]]:
    """Requests at 100,000 parts on the straight line through the measured sizes; reading a tidy store follows no line."""
    found = []
    for state, what in dict.fromkeys((row["state"], row["what"]) for row in rows):
        if state == "kept tidy" and what in ASKED:
            continue
        counts = [
            next(r["requests"] for r in rows if (r["state"], r["what"], r["parts"]) == (state, what, n)) for n in sizes
        ]
        slope, start = np.polyfit(sizes, counts, 1)
        found.append(
            {"parts": LARGE, "state": f"{state} (line)", "what": what, "requests": round(start + slope * LARGE)}
        )
    return compared(found)


def compared(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of one size, with the rival's requests over theirs."""
    reference = {row["what"]: row["requests"] for row in rows}
    for row in rows:
        if row["what"] in RIVAL_OF:
            row["rival / this"] = reference[RIVAL_OF[row["what"]]] / row["requests"]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--parts", type=int, nargs="+", default=[1000, 10_000], help="sizes of the stores, in parts of 50 rows"
    )
    parser.add_argument("--out", default=report.RESULTS, help="folder of the results; default benchmarks/results")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with s3_server() as server:
        os.environ.update(server.environment)
        server.make_bucket("bench")
        for parts in given.parts:
            rows += measured(server, parts)
    if len(given.parts) > 1:
        rows += extrapolated(rows, given.parts)
    rest = ", ".join(f"{parts % PILE} of {parts}" for parts in given.parts)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    notes = [
        f"Rows of {LARGE:,} parts are not measured: they lie on the straight line through the sizes above.",
        "Parts of 50 rows and 63 columns of cells, no curves or minimizers kept. A part that is not merged is HEAD + GET.",
        f"kept tidy: merged whenever {PILE} parts have piled up, as a run does, replaced files still listed; the rest, of which a run "
        f"may leave up to {2 * PILE}, is as written: here {rest}. What reading takes follows that rest.",
        "rival / this: requests of pyarrow.dataset over the parts as written, for all keys and statuses (beside resume and status) "
        "or the query, over those of this row. Its query skips parts by their statistics after one GET.",
        f"Load averages at the end (1, 5, 15 minutes): {load}; the seconds are moto's on this machine.",
    ]
    report.write("object_store", f"python {shlex.join(sys.argv)}", COLUMNS, rows, notes, given.out,
                 packages=("pyarrow", "duckdb", "moto"))  # fmt: skip


if __name__ == "__main__":
    main()
