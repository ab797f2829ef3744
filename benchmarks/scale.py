"""What a study of very many packs asks of the driver, of Ray Tune and of the store, and what that makes of 1,000 GPUs.

Packs here are real ones, cut and sent as `explorer run` does, but their workers train nothing: they sleep, or end at once. So the
numbers are those of everything else. `grid` is how packs were given to Tune before: one grid_search over all of them, and an
object in Ray's store for each. Every measurement is a process of its own. Times of the driver are its processor's, which other
processes on the machine do not change; rates are of the clock, which they do.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from report import RESULTS, table, write

CELLS_PER_PACK = 64
NODE_WORKERS = 2
# The case that is predicted.
GPUS, CELLS = 1_000, 10_000_000
GPU_CELLS_PER_PACK = (64, 1024)
LIST_PAGE = 1_000
COLUMNS = ("what", "case", "value", "unit")
STUDY = """
name: scale
axes:
  source: sparse
  architecture: two_layer
  dimension: 16
  rate: [0.25, 0.5, 0.75, 1.0]
  sparsity: {{from: 0.1, to: 1.0, count: 100}}
  init: [random, identity]
  seed: {{count: {seeds}}}
training: {{steps: 100}}
resources: {{cells_per_pack: {pack}}}
"""
POINTS_PER_SEED = 4 * 100 * 2


def study(cells: int) -> Any:
    """A study of about so many cells."""
    from explorer.study import Study

    return Study(STUDY.format(seeds=max(1, round(cells / POINTS_PER_SEED)), pack=CELLS_PER_PACK), "scale.yaml")


def resident_bytes() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def plan(cells: int) -> dict[str, float]:
    """From the text of a study to its packs: processor time and memory of a cell."""
    from explorer.engine.cutting import PackQueue

    asked = study(800)
    PackQueue(asked.cells, asked.widths).all(8)  # what is imported and built once
    before, begin = resident_bytes(), time.process_time()
    asked = study(cells)
    made = asked.cells
    listed = time.process_time()
    packs = PackQueue(made, asked.widths).all(GPUS)
    return {
        "cells": len(made),
        "packs": len(packs),
        "µs a cell, listed": 1e6 * (listed - begin) / len(made),
        "µs a cell, cut": 1e6 * (time.process_time() - listed) / len(made),
        "bytes a cell": (resident_bytes() - before) / len(made),
    }


def tune_packs(mode: str, packs: int, nodes: int, seconds: float, reports: int) -> dict[str, float]:
    """So many packs through Ray Tune on local nodes; a pack takes `seconds` and reports so many times."""
    from explorer.engine.cluster import QUIET

    os.environ.update(QUIET)
    if mode == "grid":
        os.environ.pop("TUNE_MAX_PENDING_TRIALS_PG")
    import ray
    from ray import tune
    from ray.cluster_utils import Cluster

    from explorer.engine.cluster import Capacity
    from explorer.engine.cutting import PackQueue
    from explorer.engine.run import _quiet_ray
    from explorer.engine.supply import InOrder, PackSupply

    asked = study(packs * CELLS_PER_PACK)
    queue = PackQueue(asked.cells, asked.widths)
    size = {"num_cpus": NODE_WORKERS, "object_store_memory": 200 * 2**20}
    local = Cluster(initialize_head=True, head_node_args={**size, "include_dashboard": False})
    for _ in range(nodes - 1):
        local.add_node(**size)
    ray.init(address=local.address, log_to_driver=False, logging_level="ERROR")
    ended: list[tuple[float, float, int]] = []
    processes: dict[int, float] = {}

    class Idle(tune.Trainable):
        def setup(self, config: dict[str, Any], objects: Any = ()) -> None:
            self.objects = objects
            self.reset_config(config)

        def step(self) -> dict[str, Any]:
            time.sleep(seconds / reports)
            self.reported += 1
            return {"done": self.reported >= reports, "fraction": self.reported / reports}

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self.reported = 0
            if "cells" in new_config:
                new_config["cells"].pack()
                self.config = {"pack": new_config["pack"]}
            else:
                ray.get(self.objects[new_config["pack"]])
            return True

    class Ended(tune.Callback):
        def __getstate__(self) -> dict[str, Any]:
            return {}

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            processes.setdefault(trial.last_result["pid"], time.monotonic())
            ended.append((time.monotonic(), time.process_time(), resident_bytes()))

    begin, used = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory() as scratch, _quiet_ray():
        run_config = tune.RunConfig(
            name="scale", storage_path=scratch, verbose=0, failure_config=tune.FailureConfig(max_failures=3),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False), callbacks=[Ended()],
        )  # fmt: skip
        if mode == "grid":
            made = queue.all(nodes * NODE_WORKERS)
            objects = [ray.put((pack.settings, pack.width)) for pack in made]
            wanted: dict[str, Any] = {"param_space": {"pack": tune.grid_search(list(range(len(made))))}}
            config = tune.TuneConfig(reuse_actors=True)
            trainable = tune.with_parameters(Idle, objects=objects)
        else:
            workers = Capacity({"CPU": 1.0}).workers
            supply = PackSupply(queue, workers)
            config = tune.TuneConfig(
                search_alg=supply, scheduler=InOrder(workers), num_samples=len(asked.cells), reuse_actors=True
            )
            wanted, trainable = {}, tune.with_parameters(Idle)
        tune.Tuner(
            tune.with_resources(trainable, {"cpu": 1}), tune_config=config, run_config=run_config, **wanted
        ).fit()
    over, spent = time.monotonic(), time.process_time()
    ray.shutdown()
    local.shutdown()
    last = max(1, len(ended) // 10)
    return {
        "packs": len(ended),
        "nodes": nodes,
        "seconds to the first": ended[0][0] - begin,
        "driver, ms a pack": 1e3 * (spent - used) / len(ended),
        "driver, ms a pack, last tenth": 1e3 * (ended[-1][1] - ended[-1 - last][1]) / last,
        "driver, KiB a pack": (ended[-1][2] - ended[0][2]) / len(ended) / 2**10,
        "processes": len(processes),
        "seconds from the first worker to the last": max(processes.values()) - min(processes.values()),
        "packs a second": (len(ended) - 1) / (ended[-1][0] - ended[0][0]),
        "seconds": over - begin,
    }


def store_requests() -> dict[str, float]:
    """What one pack asks of the store's file system, with curves and minimizers kept."""
    from explorer.cells import Pack
    from explorer.engine.job import PackJob
    from explorer.sections import Keep
    from explorer.store import StoreWriter, open_store
    from explorer.store.files import Files

    counts: dict[str, float] = {}

    def counted(name: str) -> None:
        plain = getattr(Files, name)

        def count(self: Files, *arguments: Any) -> Any:
            counts[name] = counts.get(name, 0) + 1
            return plain(self, *arguments)

        setattr(Files, name, count)

    cells = study(800).cells
    cells = [cell for cell in cells if cell.shape_key == cells[0].shape_key][:CELLS_PER_PACK]
    with tempfile.TemporaryDirectory() as folder:
        StoreWriter(folder).create()
        for name in ("publish", "exists", "listing", "read"):
            counted(name)
        job = PackJob(Pack(tuple(cells), CELLS_PER_PACK), folder, Keep(curves=True, minimizers=True))
        while not job.published:
            job.advance(60)
        found = {f"{name} a pack": value for name, value in counts.items()}
        size = sum(file.stat().st_size for file in Path(folder, "cells").iterdir())
        assert len(open_store(folder).keys()) == CELLS_PER_PACK
    return {**found, "bytes a pack, cells": size}


def apart(*arguments: object) -> dict[str, float]:
    """A measurement in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def rows_of(what: str, case: str, found: dict[str, float]) -> list[dict[str, Any]]:
    return [{"what": what, "case": case, "value": round(value, 3), "unit": unit} for unit, value in found.items()]


def predicted(planned: dict[str, float], one: dict[str, float], many: dict[str, float]) -> list[dict[str, Any]]:
    """What GPUS and CELLS make of the constants; `one` and `many` are packs with one report and with several."""
    report_ms = max(0.0, (many["driver, ms a pack"] - one["driver, ms a pack"]) / (many["reports"] - 1))
    pack_ms = one["driver, ms a pack, last tenth"]
    case = f"{GPUS:,} GPUs, {CELLS:,} cells"
    rows = [
        (
            "driver: listing and cutting",
            CELLS * (planned["µs a cell, listed"] + planned["µs a cell, cut"]) / 6e7,
            "min",
        ),
        ("driver: memory of the cells, all at once", CELLS * planned["bytes a cell"] / 2**30, "GiB"),
        ("driver: memory of the cells, a study of a million at a time", 1e6 * planned["bytes a cell"] / 2**30, "GiB"),
        ("driver: one report", report_ms, "ms"),
        ("driver: reports of every worker each second", GPUS * report_ms / 1e3, "of its time"),
        ("driver: reports as workers send them", 100 * report_ms / 1e3, "of its time"),
    ]
    for cells in GPU_CELLS_PER_PACK:
        packs = -(-CELLS // cells)
        rows += [
            (f"packs of {cells:,} cells", packs, "packs"),
            (f"packs of {cells:,}: driver in all", packs * pack_ms / 6e4, "min"),
            (f"packs of {cells:,}: shortest that keep {GPUS:,} GPUs busy", GPUS * pack_ms / 1e3, "s"),
            (f"packs of {cells:,}: driver's memory of ended trials", packs * one["driver, KiB a pack"] / 2**20, "GiB"),
            (f"packs of {cells:,}: requests to list the cells' files", -(-packs // LIST_PAGE), "requests"),
        ]
    return [{"what": f"predicted: {what}", "case": case, "value": value, "unit": unit} for what, value, unit in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packs", type=int, default=20_000, help="trivial packs in one run of Tune")
    parser.add_argument("--cells", type=int, default=200_000, help="cells that are planned")
    parser.add_argument("--nodes", type=int, nargs="+", default=(1, 2, 4))
    parser.add_argument("--seconds", type=float, default=1.0, help="what a pack takes where nodes are compared")
    parser.add_argument("--skip-grid", action="store_true", help="leave out how it was before, which takes longest")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        name, *rest = given.one
        if name == "plan":
            found = plan(int(rest[0]))
        elif name == "store":
            found = store_requests()
        else:
            packs, nodes, seconds, reports = int(rest[0]), int(rest[1]), float(rest[2]), int(rest[3])
            found = {**tune_packs(name, packs, nodes, seconds, reports), "reports": reports}
        print(json.dumps(found))
        return
    rows = []

    def note(what: str, case: str, found: dict[str, float]) -> dict[str, float]:
        rows.extend(rows_of(what, case, found))
        print(what, case, json.dumps(found), flush=True)
        return found

    planned = note("planning", f"{given.cells:,} cells", apart("plan", given.cells))
    note("store", f"a pack of {CELLS_PER_PACK} cells", apart("store"))
    for nodes in given.nodes:
        packs = 40 * NODE_WORKERS * nodes
        found = note("nodes", f"{nodes} nodes", apart("supply", packs, nodes, given.seconds, 1))
        ideal = NODE_WORKERS * nodes / (given.seconds + found["driver, ms a pack"] / 1e3)
        note("nodes", f"{nodes} nodes, predicted", {"packs a second": ideal})
    few = max(200, given.packs // 10)
    one = note("supply", f"{few:,} packs, 1 report each", apart("supply", few, 1, 0, 1))
    many = note("supply", f"{few:,} packs, 5 reports each", apart("supply", few, 1, 0, 5))
    large = note("supply", f"{given.packs:,} packs", apart("supply", given.packs, 1, 0, 1))
    if not given.skip_grid:
        note("grid, as before", f"{few:,} packs", apart("grid", few, 1, 0, 1))
        note("grid, as before", f"{given.packs:,} packs", apart("grid", given.packs, 1, 0, 1))
    rows += predicted(planned, large | {"driver, ms a pack": one["driver, ms a pack"]}, many)
    notes = [
        "supply: packs as explorer run gives them to Tune; grid: all of them in one grid_search, each an object in Ray's store.",
        f"A local node has {NODE_WORKERS} logical workers, which sleep; the machine has the cores that stand above.",
        "Predicted rates of nodes: workers / (seconds of a pack + the driver's time for it). A list request of S3 names 1,000 files.",
    ]
    print(table(COLUMNS, rows))
    write("scale", f"python {' '.join(sys.argv)}", COLUMNS, rows, notes, given.out, ("ray", "torch", "pyarrow"))


if __name__ == "__main__":
    main()
