"""Results as the store's tables."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pyarrow as pa
from threadpoolctl import ThreadpoolController

from explorer.observables import observables, observe
from explorer.plugins import described
from explorer.records import CURVES, FAILURES, MINIMIZERS, SCHEMA_VERSION, outcome_schema
from explorer.training import CellResult


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@functools.cache
def git_revision() -> str | None:
    """The commit of the checkout this package runs from, with `+` where it has changes; None for an installed copy."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(here), *arguments], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if not git("ls-files", "--error-unmatch", __file__):
        return None
    revision = git("rev-parse", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", str(here.parent))
    return f"{revision}{'+' if changed else ''}" if revision else None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where and with what a pack was trained."""

    device: str = "cpu"
    threads: int = 1
    compiled: bool = True
    git_revision: str | None = None
    plugins: str | None = field(default_factory=described)
    explorer_version: str | None = field(default_factory=lambda: _version("explorer"))
    torch_version: str | None = field(default_factory=lambda: _version("torch"))
    ray_version: str | None = field(default_factory=lambda: _version("ray"))
    host: str = field(default_factory=platform.node)
    worker: int = field(default_factory=os.getpid)  # the process on that host

    def columns(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}


@functools.cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def observed_of(result: CellResult) -> Mapping[str, float | None]:
    """Every observable of a result; none where it has no minimizer. On one thread, so that replays agree to the last bit."""
    if not result.minimizer:
        return {}
    with _libraries().limit(limits=1, user_api="blas"):
        return observe({**(result.probe or {}), **result.minimizer})


def outcome_table(results: Sequence[CellResult], pack_key: str, provenance: Provenance) -> pa.Table:
    """One row per cell: settings, loss, observables, provenance."""
    schema = outcome_schema([result.cell.settings for result in results], list(observables))
    finished = datetime.now(UTC)
    rows = []
    for result in results:
        observed = observed_of(result)
        rows.append({
            **result.cell.settings,
            "cell_key": result.cell.key,
            "status": result.status,
            "error": result.error,
            "loss": result.loss,
            "loss_se": result.loss_se,
            "objective": result.objective,
            **observed,
            "steps_taken": result.steps,
            "seconds": result.seconds,
            "pack_key": pack_key,
            "pack_width": result.pack_width or None,
            "finished_at": finished,
            "schema_version": SCHEMA_VERSION,
            **provenance.columns(),
        })  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema)


def curve_table(results: Sequence[CellResult], pack_key: str) -> pa.Table:
    """The training curves of a pack, one row per point."""
    rows = [
        {"cell_key": result.cell.key, "pack_key": pack_key, "step": step, "loss": loss}
        for result in results
        for step, loss in result.curve
    ]
    return pa.Table.from_pylist(rows, schema=CURVES)


def minimizer_table(results: Sequence[CellResult], pack_key: str) -> pa.Table:
    """The trained arrays of a pack, one row each, row-major; a kernel of more axes is a matrix with one row per first index."""
    rows = [
        {
            "cell_key": result.cell.key,
            "pack_key": pack_key,
            "name": name,
            "rows": len(value) if value.ndim > 1 else 1,
            "columns": value.size // (len(value) if value.ndim > 1 else 1),
            "values": value.ravel(),
        }
        for result in results
        for name, value in (result.minimizer or {}).items()
        if value.size
    ]
    return pa.Table.from_pylist(rows, schema=MINIMIZERS)


def failure_table(results: Sequence[CellResult], pack_key: str) -> pa.Table:
    """Where the failed cells of a pack failed, one row each."""
    rows = [
        {"cell_key": result.cell.key, "pack_key": pack_key, "traceback": result.traceback}
        for result in results
        if result.status == "failed" and result.traceback
    ]
    return pa.Table.from_pylist(rows, schema=FAILURES)
