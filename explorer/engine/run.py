"""Running a study: what is missing, as packs, as Ray Tune trials, into the store."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from platform import node
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from explorer.cells import Cell, Pack
from explorer.engine import checkpoints, cluster
from explorer.engine.events import LineFormatter, about, event, logged_by
from explorer.engine.metrics import RunMetrics
from explorer.engine.observer import Observer
from explorer.engine.plan import Plan, default_out, plan_cells, plan_study
from explorer.engine.progress import RunProgress
from explorer.engine.rows import git_revision
from explorer.engine.upkeep import kept_tidy, tidied_before
from explorer.errors import EngineError, StoreError
from explorer.plugins import loaded
from explorer.proposers.rounds import Rounds, rounds_of
from explorer.store import StoreWriter, open_store, study_name
from explorer.store.addresses import shown
from explorer.store.files import Files
from explorer.study import Study

log = logging.getLogger("explorer")

HEARD_WITHIN_SECONDS = 10


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run left behind. `interrupted` says that it was stopped before the study was complete; `parts` counts files of cells.

    `out` is without the secrets that a URI may hold. `reason` is why a worker last died, where cells are missing.
    """

    out: str
    cells: int
    done: int
    trained: int
    diverged: int
    failed: int
    seconds: float
    interrupted: bool
    parts: int = 0
    reason: str = ""

    @property
    def complete(self) -> bool:
        return self.done == self.cells


def run_study(
    study: Study,
    out: str | None = None,
    address: str | None = None,
    retry_failed: bool = False,
    progress: bool = True,
    metrics: bool | None = None,
) -> RunSummary:
    """Train every cell of a study that its store lacks.

    `out` is a directory (default `results/<name>`) or an object-store URI; `address` a Ray cluster (`auto`, host:6379), an
    embedded Ray where it is None. The same call again goes on where the last one stopped, however it stopped; cells of a
    changed study join those that are there. `retry_failed` trains failed cells again. `metrics` says
    whether Ray exports metrics of the run, to Prometheus; by default where there is an address.

    Raises StudyError before Ray starts, StoreError and EngineError where store or cluster cannot be used.
    """
    proposer = rounds_of(study)
    tidied_before(out or default_out(study))
    plan = plan_study(study, out, retry_failed)
    _warn_of_another_run(plan)
    writer = StoreWriter(plan.out)
    writer.create()
    writer.keep_study(study.text, [cell.key for cell in study.cells])
    if not plan.packs:  # there is no training that would look after them
        checkpoints.of_use(writer.files, retry_failed)
    begin = time.monotonic()
    measured = address is not None if metrics is None else metrics
    interrupted, reason = _train(_rounds(plan, proposer, writer, progress), writer, address, progress, measured)
    return _summary(plan, time.monotonic() - begin, interrupted, reason)


def _rounds(plan: Plan, proposer: Rounds | None, writer: StoreWriter, show: bool) -> Iterator[Plan]:
    """What is to be trained: first the grid and what was proposed before, then what each round proposes from the outcomes."""
    yield plan
    if proposer is None:
        return
    name = study_name(plan.study.text)
    asked: Sequence[Cell] = plan.missing
    while True:
        store = open_store(plan.out)
        if store.missing(asked):
            return  # what could not be trained now is no reason to propose it again
        before = store.rounds(name)
        proposed = proposer.propose(store)
        for line in proposed.said:
            event("proposed", line)
            if show:
                print(line, file=sys.stderr, flush=True)
        if not proposed.cells:
            return
        asked = proposed.cells
        number = max((one.number for one in before), default=0) + 1  # one of them may be in quarantine
        writer.keep_round(name, proposer.section, number, asked)
        yield plan_cells(plan.study, asked, plan.out, plan.retry_failed)


def _warn_of_another_run(plan: Plan) -> None:
    """Two runs into one store are safe, and train the same cells twice."""
    with contextlib.suppress(StoreError):
        status = open_store(plan.out).status()
        if plan.packs and status["state"] == "running" and status["seconds_since"] < HEARD_WITHIN_SECONDS:
            print(
                f"{shown(plan.out)}: another run on {status['host']} seems to be under way; cells may be trained twice",
                file=sys.stderr,
            )


def _summary(plan: Plan, seconds: float, interrupted: bool, reason: str) -> RunSummary:
    store = open_store(plan.out)
    rounds = store.rounds(study_name(plan.study.text))
    wanted = {cell.key for cell in plan.study.cells}.union(*(one.keys for one in rounds))
    rows = store.arrow(["cell_key", "status"])
    chosen = rows.filter(pc.field("cell_key").isin(pa.array(wanted, pa.string())))
    statuses = Counter(chosen["status"].to_pylist())
    return RunSummary(
        shown(plan.out),
        len(wanted),
        len(chosen),
        len(chosen) - plan.done,
        statuses["diverged"],
        statuses["failed"],
        seconds,
        interrupted,
        store.parts,
        reason if len(chosen) < len(wanted) else "",
    )


def _train(
    plans: Iterator[Plan], writer: StoreWriter, address: str | None, show: bool, metrics: bool
) -> tuple[bool, str]:
    """Train the packs of one plan after another, on one Ray; whether the run was interrupted, and why a worker last died."""
    run = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
    facts = {
        "run": run,
        "host": node(),
        "pid": os.getpid(),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    said: dict[str, Any] = {}
    observer = Observer(writer, run)
    told: set[str] = set()

    def note(counts: dict[str, Any], state: str = "running") -> None:
        said.update(counts)
        if observer.metrics:
            observer.metrics.noted(said)
        try:
            writer.note_run(run, {**facts, "state": state, **said})
        except StoreError as error:  # a status that cannot be written is no reason to stop training
            event("store_error", f"status not written: {error}", logging.WARNING, error=str(error))

    state = "stopped"
    with contextlib.ExitStack() as open_until_done:
        try:
            for plan in plans:
                if not plan.packs:
                    continue
                if not said:
                    facts["study"] = plan.study.name
                    open_until_done.enter_context(about(run=run, study=plan.study.name))
                    open_until_done.enter_context(_log_file(writer, run))
                    observer.begin(shown(plan.out), address)
                    open_until_done.enter_context(cluster.connected(address, os.cpu_count() or 1))
                    observer.metrics = RunMetrics(plan.study.name) if metrics else None
                    open_until_done.enter_context(kept_tidy(plan.out))
                observer.round(plan)
                with RunProgress(plan.cells, plan.done, note, show) as progress:
                    note(progress.counts())
                    try:
                        _fit(plan, progress, address, observer, told)
                    finally:
                        note(progress.counts())
            state = "finished"
        except KeyboardInterrupt:
            state = "interrupted"
        finally:
            if said:
                note({}, state)
                observer.end(state, said)
    return state == "interrupted", observer.reason


def _fit(plan: Plan, progress: RunProgress, address: str | None, observer: Observer, told: set[str]) -> None:
    from ray import tune

    from explorer.engine.recovery import Recovery, memory_kills_as_deaths
    from explorer.engine.supply import InOrder, PackSupply
    from explorer.engine.trial import PackTrial, Reporter

    resources = plan.study.resources
    cpus = float(resources.cpus_per_pack)
    gpus = float(resources.gpus_per_pack)
    largest_gpus = cluster.largest_node("GPU")
    if gpus > largest_gpus:
        message = f"resources.gpus_per_pack: {gpus:g}, and the largest node has {largest_gpus:g} GPUs"
        if address is None:
            raise EngineError(f"{message}; expected a machine with a GPU, or gpus_per_pack: 0.")
        print(f"{message}; waiting for a larger one", file=sys.stderr)
    largest = cluster.largest_node("CPU")
    if 0 < largest < cpus:
        message = f"resources.cpus_per_pack: {cpus:g}, and the largest node has {largest:g} CPUs"
        if address is not None:
            message += "; waiting for a larger one"
        else:
            cpus = largest
            message += f"; using {largest:g}"
        log.warning(message)
        print(message, file=sys.stderr)
    memory = _memory(plan, address)
    needed = {"CPU": cpus, "GPU": gpus, "memory": memory}
    capacity = cluster.Capacity(needed)
    _say_unused(capacity, told)
    keep = plan.study.keep
    store = plan.out if "://" in plan.out else os.path.abspath(plan.out)
    files = Files(store)
    supply = PackSupply(
        plan.queue(), capacity.workers, checkpoints.Farthest.of(checkpoints.of_use(files, plan.retry_failed))
    )
    observer.planned(supply.open)
    recovery = Recovery(supply.open, files)
    trainable = tune.with_parameters(
        PackTrial,
        store=store,
        keep=(keep.curves, keep.minimizers),
        threads=max(1, int(cpus)),
        gpus=gpus,
        git_revision=git_revision(),
        home=os.getcwd(),
        retry_failed=plan.retry_failed,
        checkpoint_seconds=float(resources.checkpoint_seconds),
        time_limit=float(resources.time_limit),
        plugins=loaded(),
    )
    scratch = tempfile.mkdtemp(prefix="explorer-tune-")
    try:
        with _quiet_ray(), memory_kills_as_deaths():
            tuner = tune.Tuner(
                tune.with_resources(trainable, {"cpu": cpus, "gpu": gpus, "memory": memory}),
                tune_config=tune.TuneConfig(
                    search_alg=supply,
                    scheduler=InOrder(capacity.workers),
                    num_samples=len(plan.missing),  # a pack has a cell at least
                    reuse_actors=True,
                ),
                run_config=tune.RunConfig(
                    name="study",
                    storage_path=scratch,
                    verbose=0,
                    failure_config=tune.FailureConfig(max_failures=-1),  # Recovery decides
                    checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
                    callbacks=[recovery, Reporter(progress, observer, recovery)],
                ),
            )
            results = _fitted(tuner)
        _publish_dead_packs(plan, supply.open, results, progress)
        checkpoints.of_use(files, plan.retry_failed)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _fitted(tuner: Any) -> Any:
    """What Tune returns. Raises EngineError where it stops by itself, such as when the cluster is lost."""
    try:
        return tuner.fit()
    except Exception as error:
        log.exception("Ray Tune stopped")
        raise EngineError(
            f"Ray Tune stopped: {_last_line(error)}. What was trained is in the store; the same command again goes on."
        ) from error


def _memory(plan: Plan, address: str | None) -> float:
    """What Ray sets aside for a pack, so that no more packs are trained at a time than memory holds."""
    needed, largest = float(plan.bytes_per_pack), cluster.largest_node("memory")
    if needed > largest:
        message = (
            f"a pack takes up to {needed / 2**30:.1f} GiB of memory, and the largest node has {largest / 2**30:.1f} GiB"
        )
        if address is None:
            raise EngineError(f"{message}; expected fewer cells_per_pack or samples, or a smaller dimension or batch.")
        print(f"{message}; waiting for a larger one", file=sys.stderr)
    return needed


def _say_unused(capacity: cluster.Capacity, told: set[str]) -> None:
    """Which nodes stay idle, once a run; `told` is what was said already."""
    small = capacity.too_small()
    if small and capacity.workers():
        message = f"too small for a pack, which is given {capacity}: {', '.join(small)}; left unused"
        if message not in told:
            told.add(message)
            log.warning(message)
            print(message, file=sys.stderr)


def _publish_dead_packs(plan: Plan, packs: Mapping[int, Pack], results: Any, progress: RunProgress) -> None:
    """A pack that raised every time leaves failed rows, so that the study ends and says what is wrong.

    Where it was the store that could not be written, or no process of the pack came as far as its cells, they stay missing.
    """
    from explorer.engine.job import failed_pack
    from explorer.engine.recovery import RETRIES, kind_of

    for i in range(len(results)):
        error = results[i].error
        config = results[i].config
        if error is None or config is None:
            continue
        pack = packs[config["pack"]]
        missing = open_store(plan.out).missing(pack.cells, plan.retry_failed)
        if not missing:
            continue
        last = _last_line(error)
        if "StoreError" in str(error) or kind_of(str(error)) != "error":  # the next run trains them
            away = "StoreError" in str(error)
            what = "the store could not be written" if away else "its process died before it began"
            said = {"pack_key": pack.key, "cells": len(missing), "error": last}
            event("store_error" if away else "pack_left", f"pack {pack.key}: {what}: {last}", logging.ERROR, **said)
            print(f"{len(missing)} cells of a pack are left: {what}: {last}", file=sys.stderr)
            continue
        message = f"the pack failed {RETRIES + 1} times: {last}"
        said = {"pack_key": pack.key, "cells": len(missing), "error": message}
        event("pack_failed", f"pack {pack.key}: {message}", logging.ERROR, **said)
        lost = Pack(tuple(missing), pack.width)
        failed_pack(lost, plan.out, message, git_revision(), str(error))
        counts = {"cells": len(pack.cells), "fraction": 1.0, "diverged": 0, "failed": len(lost.cells)}
        progress.update(config["pack"], {"done": True, **counts})


def _last_line(error: Any) -> str:
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__


@contextlib.contextmanager
def _quiet_ray() -> Iterator[None]:
    """Tune's own logger speaks of its tables and of the scratch directory; the bar says what matters."""
    loggers = [logging.getLogger(name) for name in ("ray", "ray.tune", "ray.train", "ray.air")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _log_file(writer: StoreWriter, run: str) -> Iterator[None]:
    """A log beside the store's parts; of an object store, which cannot be appended to, in the end."""
    with contextlib.ExitStack() as until_published:
        if writer.files.local:
            folder = Path(writer.files.path("logs"))
            folder.mkdir(parents=True, exist_ok=True)
        else:
            folder = Path(until_published.enter_context(tempfile.TemporaryDirectory(prefix="explorer-log-")))
        try:
            handler = logging.FileHandler(folder / f"{run}.log", encoding="utf-8")
            handler.setFormatter(LineFormatter())
            with contextlib.closing(handler), logged_by(handler):
                yield
        finally:
            if not writer.files.local:
                with contextlib.suppress(StoreError):  # a log that cannot be written is no reason to fail
                    writer.files.publish(f"logs/{run}.log", (folder / f"{run}.log").read_bytes())
