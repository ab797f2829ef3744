"""Requests to an object store: what resuming, a query and status take of a store of many parts, as written, kept tidy, compacted.

The endpoint is moto on loopback, which counts requests; its seconds are those of a small Python server that shares this machine, not
of a cloud. The rival reads the same parts in the same run as a directory of Parquet files, with pyarrow.dataset: list, then open each.
Writes benchmarks/results/object_store.json and object_store.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import resource
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import object_store_large
import pyarrow.dataset as ds
import report
import store as made_up

sys.path.insert(0, str(Path(__file__).parents[1]))

from explorer.store import Store, StoreWriter, open_store
from explorer.store.compact import compact, tidy
from explorer.store.files import Files
from tests.object_store.server import S3Server, s3_server

LARGE = 100_000
PILE = object_store_large.PILE
QUERY = "SELECT rate, avg(loss) AS loss FROM cells WHERE init = 'random' AND dimension = 64 GROUP BY rate ORDER BY rate"
COLUMNS = (
    "parts",
    "state",
    "what",
    "requests",
    "LIST",
    "HEAD",
    "GET",
    "PUT",
    "DELETE",
    "seconds",
    "MiB",
    "rival / this",
)


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


def apart(ask: str, uri: str) -> dict[str, float]:
    """What a question takes in a process of its own: seconds without its imports, and the most memory it held, with them."""
    begin = time.perf_counter()
    ASKED[ask](uri)
    return {"seconds": time.perf_counter() - begin, "MiB": peak_mib()}


def peak_mib() -> float:
    """The most memory that this process held at once."""
    if Path("/proc/self/status").exists():  # what getrusage says there includes the process that started this one
        said = Path("/proc/self/status").read_text()
        return int(said.partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def asked(server: S3Server, parts: int, state: str, uri: str) -> list[dict[str, Any]]:
    """A row for each question, asked in a fresh process."""
    rows = []
    for what in ASKED:
        found: dict[str, float] = {}

        def work(what: str = what, found: dict[str, float] = found) -> None:
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
                found.update(process.submit(apart, what, uri).result())

        rows.append({**counted(server, parts, state, what, work), **found})
        print(f"{'':7s} {found['seconds']:.1f} s by itself, {found['MiB']:.0f} MiB", flush=True)
    return rows


def large(server: S3Server, parts: int, place: str | None) -> list[dict[str, Any]]:
    """The states that a run of so many parts leaves, made on a disk and put into the endpoint whole."""
    rows: list[dict[str, Any]] = []
    server.make_bucket("large")
    with tempfile.TemporaryDirectory(dir=place) as made:
        for state, folder in object_store_large.states(Path(made), parts):
            begin = time.perf_counter()
            server.load("large/store", folder)
            print(f"{parts:7d} {state}: put there in {time.perf_counter() - begin:.0f} s", flush=True)
            rows += asked(server, parts, state, server.uri("large/store"))
            server.empty("large")
    return rows


def measured(server: S3Server, parts: int) -> list[dict[str, Any]]:
    """Two stores of so many parts: one read as it was written, one kept tidy all the while as a run does."""
    rows, keys = [], []
    whole, kept = (server.uri(f"bench-{parts}/{name}") for name in ("whole", "kept"))
    server.make_bucket(f"bench-{parts}")
    for uri in (whole, kept):
        StoreWriter(uri).create()
    packs = made_up.packs(parts * made_up.SPARSITIES)
    rows.append(counted(server, parts, "as written", "publish", lambda: keys.extend(fill(whole, packs, parts))))
    StoreWriter(whole).keep_study("name: large\n", keys)
    StoreWriter(kept).keep_study("name: large\n", keys)
    del keys
    rows += asked(server, parts, "as written", whole)
    rows += [counted(server, parts, "as written", what, lambda ask=ask: ask(whole)) for what, ask in RIVALS.items()]
    rows.append(counted(server, parts, "as written", "compact", lambda: compact(whole)))
    rows.append(counted(server, parts, "compacted", "delete replaced", lambda: compact(whole, grace=0)))
    rows += asked(server, parts, "compacted", whole)
    rows.append(counted(server, parts, "kept tidy", "publish and tidy", lambda: filled_tidily(kept, parts)))
    rows += asked(server, parts, "kept tidy", kept)
    server.empty(f"bench-{parts}")
    return rows


def filled_tidily(uri: str, parts: int) -> None:
    """Publish, and merge each time that parts have piled up, as a run's upkeep does; replaced files wait for their grace."""
    packs = made_up.packs(parts * made_up.SPARSITIES)
    for start in range(0, parts, PILE):
        fill(uri, packs, min(PILE, parts - start))
        tidy(uri, most_parts=PILE)


def extrapolated(rows: list[dict[str, Any]], sizes: list[int]) -> list[dict[str, Any]]:
    """Requests at 100,000 parts on the straight line through the measured sizes, of what is not measured there."""
    found = []
    for state, what in dict.fromkeys((row["state"], row["what"]) for row in rows if row["parts"] in sizes):
        if what in ASKED and state != "as written":
            continue
        counts = [
            next(r["requests"] for r in rows if (r["state"], r["what"], r["parts"]) == (state, what, n)) for n in sizes
        ]
        slope, start = np.polyfit(sizes, counts, 1)
        found.append(
            {"parts": LARGE, "state": f"{state} (line)", "what": what, "requests": round(start + slope * LARGE)}
        )
    return found


def compared(rows: list[dict[str, Any]], lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows by size, measured ones first, with the rival's requests over theirs: at the same size, measured or on the line."""
    ordered = sorted([*rows, *lines], key=lambda row: row["parts"])
    reference = {(row["parts"], row["what"]): row["requests"] for row in ordered}
    for row in ordered:
        rival = reference.get((row["parts"], RIVAL_OF.get(row["what"], "")))
        if rival is not None:
            row["rival / this"] = rival / row["requests"]
    return ordered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--parts", type=int, nargs="*", default=[1000, 10_000], help="sizes of the stores, in parts of 50 rows"
    )
    parser.add_argument(
        "--large", type=int, default=LARGE, help="size of the store that is read as a run leaves it; 0 for none"
    )
    parser.add_argument("--place", help="where the large store is made, 6 GB; default a temporary folder")
    parser.add_argument("--out", default=report.RESULTS, help="folder of the results; default benchmarks/results")
    parser.add_argument(
        "--keep", action="store_true", help="take rows of other sizes over from the results that are there"
    )
    given = parser.parse_args()
    rows, kept = taken_over(given.out, {*given.parts, given.large}) if given.keep else ([], "")
    done = sorted({row["parts"] for row in rows})
    with s3_server() as server:
        os.environ.update(server.environment)
        if given.large:
            rows += large(server, given.large, given.place)
            write(rows, done, given.large, given.out, kept)
        for parts in given.parts:
            rows += measured(server, parts)
            done.append(parts)
            write(rows, done, given.large, given.out, kept)


def taken_over(folder: str, sizes: set[int]) -> tuple[list[dict[str, Any]], str]:
    """The measured rows of other sizes than these that are in the results, and a note that says where they are from."""
    before = json.loads((Path(folder) / "object_store.json").read_text())
    rows = [row for row in before["rows"] if row["parts"] not in sizes and "(line)" not in row["state"]]
    there = ", ".join(f"{parts:,}" for parts in sorted({row["parts"] for row in rows}))
    used = ", ".join(f"{key} {value}" for key, value in before["versions"].items())
    where = "{processor}, {cores} cores, {memory_gib} GiB, {system}".format(**before["machine"])
    return rows, (
        f"Rows of {there} parts without MiB are from a run before and not of the machine above: `{before['command']}`, all in one "
        f"process, on {where}; {used}. Between them and the others compare requests, not seconds."
    )


def write(rows: list[dict[str, Any]], sizes: list[int], large: int, out: str, kept: str) -> None:
    """The results so far."""
    lines = extrapolated(rows, sizes) if len(sizes) > 1 else []
    rest = ", ".join(f"{parts % PILE} of {parts}" for parts in sizes)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    notes = [
        f"Rows of {LARGE:,} parts marked (line) are not measured: they lie on the straight line through the sizes above.",
        f"The other rows of {large:,} parts are counted on a store of {large * made_up.SPARSITIES:,} cells, "
        f"{object_store_large.UNMERGED} of its parts not merged yet, the most that a run leaves. Replaced parts are there by name and "
        "empty (to read one would fail); `replaced listed`: nothing has been deleted since the first part, which a run does an hour "
        "after each merge.",
        "Parts of 50 rows and 64 columns of cells, no curves or minimizers kept. A part that is not merged is HEAD + GET.",
        f"kept tidy, of the other sizes: merged whenever {PILE} parts have piled up, as a run does, replaced files still listed; the "
        f"rest, of which a run may leave up to {2 * PILE}, is as written: here {rest}. What reading takes follows that rest.",
        "rival / this: requests of pyarrow.dataset over the parts as written, for all keys and statuses (beside resume and status) "
        "or the query, over those of this row, at the same size, where it may be on the line. Its query skips parts by their "
        "statistics after one GET.",
        "resume, query and status: each in a process of its own, seconds without its imports, MiB the most memory it held, with them; "
        "resume also holds a made-up cell and a key in Python for every cell, which a run does not hold in this form.",
        f"Load averages at the end (1, 5, 15 minutes): {load}; the seconds are moto's on this machine.",
        *([kept] if kept else []),
    ]
    report.write("object_store", f"python {shlex.join(sys.argv)}", COLUMNS, compared(rows, lines), notes, out,
                 packages=("pyarrow", "duckdb", "moto"))  # fmt: skip


if __name__ == "__main__":
    main()
