"""A store of 1,000,000 outcomes, written in parts as a run writes it: how long the reading commands take, before and after compact.

Beside it, at sizes that they manage: the same queries on Optuna's SQLite storage and on a directory of Ray Tune's result files.
Writes benchmarks/results/store.json and store.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import store_rivals
from report import write

from explorer.records import CURVES, SCHEMA_VERSION, outcome_schema
from explorer.store import StoreWriter
from explorer.theory import gaussian_loss, identity_loss

# sparsity x rate x dimension x start x seed; packs hold the sparsities of one combination of the rest, as a run's do.
SPARSITIES, RATES, DIMENSIONS, STARTS = 50, 40, (32, 48, 64, 96, 128), ("random", "identity")
OBSERVABLES = (
    "active_share", "code_entropy", "code_sparsity", "coverage", "dead_units", "dictionary_recovery", "effective_rank",
    "elbo", "frame_defect", "haar_distance", "jacobian_norm", "kl", "localization", "orthogonality", "pca_loss", "peak",
    "permutation_distance", "pooled_localization", "subspace_distance", "tying",
)  # fmt: skip
NEVER_OBSERVED = ("dictionary_recovery", "elbo", "jacobian_norm", "kl")
FIXED: dict[str, Any] = {
    "base": "rademacher", "activation": "sign", "tied": False, "source": "sparse", "architecture": "two_layer", "steps": 3000,
    "batch": 256, "optimizer": "adam", "learning_rate": 0.02, "schedule": "cosine", "evaluation_samples": 32768,
    "distortion": "squared_error", "samples": float("inf"), "weight_bits": float("inf"), "surrogate": "straight_through",
    "refit": False, "surrogate_width": 0.2,
}  # fmt: skip
CURVE_POINTS = 10
STARTED = datetime(2026, 1, 1, tzinfo=UTC)
REPEATS = 3
QUERY = "SELECT rate, avg(loss) AS loss FROM cells WHERE init = 'random' AND dimension = 64 GROUP BY rate ORDER BY rate"
COMMANDS = {
    "query": ["query", "STORE", QUERY],
    "status": ["status", "STORE"],
    "boundary": ["boundary", "STORE", "--along", "sparsity"],
    "figure": ["figure", "STORE", "phase_diagram", "--out", "OUT"],
}
COLUMNS = ("what", "system", "outcomes", "files", "seconds", "cpu_seconds", "goal")
GOALS = {"query": "< 1", "status": "< 1", "boundary": "< 10", "figure": "< 5"}


def packs(outcomes: int) -> Iterator[tuple[str, pa.Table, pa.Table]]:
    """Packs with their rows and curves: losses of the two phases from theory, noise by seed, a switch that depends on the rate.

    Random starts leave the rotation at a sparsity that differs by seed; identity starts at small sparsities break their ties.
    """
    sparsity, rates = np.linspace(0.2, 1.0, SPARSITIES), np.linspace(0.05, 1.0, RATES)
    fixed = {**FIXED, "sparsity": 0.5, "rate": 0.5, "dimension": 1, "code_dimension": 1, "init": "", "seed": 0}
    schema = outcome_schema([fixed], OBSERVABLES)
    for number in range(outcomes // SPARSITIES):
        rest, start = divmod(number, len(STARTS))
        rest, at = divmod(rest, RATES)
        seed, size = divmod(rest, len(DIMENSIONS))
        rate, dimension = float(rates[at]), DIMENSIONS[size]
        settings = {**FIXED, "rate": rate, "dimension": dimension, "code_dimension": max(1, round(rate * dimension)),
                    "init": STARTS[start], "seed": seed}  # fmt: skip
        noise = np.random.default_rng(number)
        switch = 0.45 + 0.05 * rate + 0.02 * np.random.default_rng((seed, size)).standard_normal()
        rotation = (sparsity < switch) & (settings["init"] == "random")
        broken = ~rotation & (sparsity < 0.3)
        exact = identity_loss(rate, sparsity, "rademacher")
        loss = np.where(rotation, gaussian_loss(rate), exact) + 0.02 * broken + 1e-3 * noise.standard_normal(SPARSITIES)
        keys = [_digest({**settings, "sparsity": p, "samples": "inf", "weight_bits": "inf"}) for p in sparsity]
        pack = _digest(keys)
        columns: dict[str, Any] = {name: noise.random(SPARSITIES) for name in OBSERVABLES}
        columns |= {name: [None] * SPARSITIES for name in NEVER_OBSERVED}
        columns |= {name: [value] * SPARSITIES for name, value in settings.items()}
        columns |= {
            "sparsity": sparsity, "cell_key": keys, "loss": loss, "loss_se": np.full(SPARSITIES, 1e-3), "objective": loss,
            "localization": np.where(rotation, 3 / (dimension + 2), 0.97) * (1 + 0.02 * noise.random(SPARSITIES)),
            "tying": np.where(broken, 0.6, 1.0), "coverage": np.ones(SPARSITIES),
            "status": np.where(noise.random(SPARSITIES) < 0.9, "converged", "budget"), "pack_key": [pack] * SPARSITIES,
            "error": [None] * SPARSITIES, "steps_taken": [3000] * SPARSITIES, "seconds": [0.4] * SPARSITIES,
            "pack_width": [64] * SPARSITIES, "explorer_version": ["0.1.0"] * SPARSITIES, "torch_version": ["2.9.0"] * SPARSITIES,
            "ray_version": ["2.60.0"] * SPARSITIES, "git_revision": ["0" * 40] * SPARSITIES, "plugins": [None] * SPARSITIES,
            "host": [f"worker-{number % 50}"] * SPARSITIES, "worker": [number % 50] * SPARSITIES,
            "device": ["cuda:0"] * SPARSITIES, "threads": [1] * SPARSITIES,
            "compiled": [True] * SPARSITIES, "finished_at": [STARTED + timedelta(seconds=number)] * SPARSITIES,
            "schema_version": [SCHEMA_VERSION] * SPARSITIES,
        }  # fmt: skip
        rows = pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)
        steps = np.linspace(300, 3000, CURVE_POINTS).astype(int)
        curve = pa.table({
            "cell_key": np.repeat(keys, CURVE_POINTS), "pack_key": [pack] * SPARSITIES * CURVE_POINTS,
            "step": np.tile(steps, SPARSITIES), "loss": (loss[:, None] + 300 / steps[None, :] ** 1.5).ravel(),
        }, schema=CURVES)  # fmt: skip
        yield pack, rows, curve


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:20]


def make_store(place: Path, outcomes: int) -> dict[str, Any]:
    """Write the store through StoreWriter, part by part, with its plan and a run's notes; seconds and files."""
    begin = time.perf_counter()
    writer = StoreWriter(str(place))
    writer.create()
    keys: list[str] = []
    for pack, rows, curve in packs(outcomes):
        writer.publish(pack, rows, curve)
        keys += rows.column("cell_key").to_pylist()
    writer.keep_study("name: large\n", keys)
    writer.note_run("run", {"state": "finished", "study": "large", "started_at": STARTED.isoformat()})
    return {"what": "write", "outcomes": len(keys), "files": _files(place), "bytes": _bytes(place),
            "seconds": time.perf_counter() - begin}  # fmt: skip


def _files(place: Path) -> int:
    return sum(1 for path in place.rglob("*") if path.is_file())


def _bytes(place: Path) -> int:
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


def run(arguments: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of one fresh process."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(arguments, check=True, capture_output=True)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def timed(what: str, system: str, outcomes: int, files: int, arguments: list[str]) -> dict[str, Any]:
    """A row: medians over fresh processes, after one whose time does not count (it fills the page cache and makes .pyc files)."""
    run(arguments)
    walls, cpus = zip(*(run(arguments) for _ in range(REPEATS)), strict=True)
    row = {"what": what, "system": system, "outcomes": outcomes, "files": files, "seconds": statistics.median(walls),
           "cpu_seconds": statistics.median(cpus), "all_seconds": walls, "goal": GOALS.get(what)}  # fmt: skip
    print(f"{what:10s} {system:28s} {outcomes:9d} {row['seconds']:8.2f} s", flush=True)
    return row


def explorer_rows(
    place: Path, outcomes: int, state: str, names: Sequence[str] = tuple(COMMANDS)
) -> list[dict[str, Any]]:
    """The commands on a store."""
    fill = {"STORE": str(place), "OUT": str(place.parent / "figure.png")}
    command = [str(Path(sys.executable).parent / "explorer")]
    files = _files(place / "cells")
    return [
        timed(name, f"explorer, {state}", outcomes, files, command + [fill.get(word, word) for word in COMMANDS[name]])
        for name in names
    ]


def rival_rows(folder: Path, outcomes: int, systems: Sequence[str]) -> list[dict[str, Any]]:
    """The same two questions at a size that the others manage, beside explorer's at that size, straight after the run."""
    rows: list[dict[str, Any]] = []
    place = folder / f"explorer-{outcomes}"
    rows.append({**make_store(place, outcomes), "system": "explorer"})
    rows += explorer_rows(place, outcomes, "parts as written", ("query", "status"))
    table = pa.concat_tables(cells for _, cells, _ in packs(outcomes)).to_pandas()
    settings = [*FIXED, "sparsity", "rate", "dimension", "code_dimension", "init", "seed"]
    table["finished_at"] = table["finished_at"].astype(str)
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    for system in systems:
        target = folder / (f"{system}.db" if system == "optuna" else system)
        begin = time.perf_counter()
        {"optuna": store_rivals.write_optuna, "tune": store_rivals.write_tune}[system](target, records, settings)
        files = 1 if system == "optuna" else _files(target)
        name = {"optuna": "Optuna, SQLite", "tune": "Ray Tune, result.json"}[system]
        rows.append(
            {
                "what": "write",
                "system": name,
                "outcomes": outcomes,
                "files": files,
                "seconds": time.perf_counter() - begin,
            }
        )
        for question in ("query", "status"):
            asked = [sys.executable, store_rivals.__file__, system, question, str(target)]
            rows.append(timed(question, name, outcomes, files, asked))
    return rows


def compacted(place: Path, outcomes: int) -> list[dict[str, Any]]:
    """Merge the store, with grace and without: how long, and how many files are left."""
    rows = []
    for grace, what in (("3600", "compact"), ("0", "compact --grace 0")):
        command = [str(Path(sys.executable).parent / "explorer"), "compact", str(place), "--grace", grace]
        wall, cpu = run(command)
        rows.append({"what": what, "system": "explorer", "outcomes": outcomes, "files": _files(place / "cells"), "seconds": wall,
                     "cpu_seconds": cpu, "bytes": _bytes(place)})  # fmt: skip
        print(f"{what} {wall:.1f} s", flush=True)
        if grace == "3600":
            rows += explorer_rows(place, outcomes, "compacted, in grace")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--outcomes", type=int, default=1_000_000, help="rows of the store; a multiple of 20,000")
    parser.add_argument("--optuna", type=int, default=2_000, help="trials in Optuna's storage; 0 for none")
    parser.add_argument("--tune", type=int, default=5_000, help="trials in Tune's folders; 0 for none")
    parser.add_argument("--place", type=Path, help="where to make the stores; default a temporary folder")
    parser.add_argument("--written", type=Path, help="measure this store, which --only-write made, and compact it")
    parser.add_argument("--only-write", type=Path, help="write the store there and measure nothing else")
    given = parser.parse_args()
    if given.only_write:
        row = make_store(given.only_write, given.outcomes)
        given.only_write.with_suffix(".json").write_text(json.dumps(row))
        return
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=given.place) as made:
        folder = Path(made)
        for size, system in ((given.optuna, "optuna"), (given.tune, "tune")):
            if size:
                rows += rival_rows(folder / system, size, [system])
        place = given.written or folder / "store"
        written = (
            json.loads(place.with_suffix(".json").read_text()) if given.written else make_store(place, given.outcomes)
        )
        large = [{**written, "system": "explorer"}]
        large += explorer_rows(place, given.outcomes, "parts as written")
        large += compacted(place, given.outcomes)
        large += explorer_rows(place, given.outcomes, "compacted")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    notes = [
        f"Seconds of wall time of a fresh process, imports included: medians of {REPEATS}, after one that does not count. "
        f"cpu_seconds: processor time of the same, which other load moves less. Load averages at the end (1, 5, 15 minutes): {load}.",
        f"The query: {QUERY}",
        f"The store: {SPARSITIES} sparsities x {RATES} rates x {len(DIMENSIONS)} dimensions x {len(STARTS)} starts x seeds, "
        f"63 columns, parts of {SPARSITIES} rows, {CURVE_POINTS} curve points a cell; files: those in cells/ (write: all).",
        "The rivals are asked at a size that they still manage, explorer beside them at the same size; nothing is extrapolated.",
    ]
    write("store", f"python {shlex.join(sys.argv)}", COLUMNS, [*large, *rows], notes,
          packages=("duckdb", "pyarrow", "pandas", "numpy", "optuna", "ray"))  # fmt: skip


if __name__ == "__main__":
    main()
