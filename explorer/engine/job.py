"""One pack from cells to rows in the store, whatever happens to it on the way."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import replace

import torch

from explorer.cells import Cell, Pack
from explorer.engine.failure import ERROR_LENGTH, described, shortened
from explorer.engine.rows import Provenance, curve_table, failure_table, minimizer_table, outcome_table
from explorer.engine.timings import PackTimings
from explorer.errors import StoreError
from explorer.sections import Keep
from explorer.store import StoreWriter
from explorer.training import CellResult, PackRun
from explorer.training.clock import clock
from explorer.training.program import compiler_available

SLICE_STEPS = 20
PUBLISH_WAITS = (0.5, 2.0)


class PackJob:
    """Trains a pack by slices of wall time and publishes its cells, as many at a time as it has slots.

    A pack that raises is cut in two, and in two again, until the cell that raises stands alone and becomes a `failed`
    row; a pack that runs out of memory goes on at half the width. Where two cells in turn fail alone with one error
    and none has succeeded, the error is not theirs but the machine's: the job raises, to be tried elsewhere.
    """

    def __init__(
        self, pack: Pack, store: str, keep: Keep, device: str = "cpu", git_revision: str | None = None
    ) -> None:
        self.pack, self.keep, self.device = pack, keep, device
        self.writer = StoreWriter(store)
        if not self.writer.files.exists("store.json"):
            raise StoreError(f"{store}: not visible from {platform.node()}; expected a place that every node shares.")
        self.git_revision = git_revision
        self.results: list[CellResult] = []
        self._published: set[str] = set()
        self.queue: list[Pack] = [pack]
        self.run: PackRun | None = None
        self.published = False
        self._alone: list[str] = []
        self.timings = PackTimings(pack)

    def advance(self, seconds: float) -> None:
        """Work for about this long; the first call on a new shape also compiles."""
        end = time.monotonic() + seconds
        while not self.published and time.monotonic() < end:
            waiting = [result for result in self.results if result.cell.key not in self._published]
            if waiting and (not self.queue or len(waiting) >= self.pack.width):
                self._publish(waiting)
            if not self.queue:
                self.published = True
                return
            failure: tuple[str, str, bool] | None = None
            try:
                with clock.phase("train"):
                    self._train_slice(end)
            except Exception as error:  # whatever a source, an architecture or torch raises is the cell's own failure
                failure = *described(error), _out_of_memory(error)
            if failure is not None:  # outside the handler, whose traceback would keep the pack's tensors alive
                self._after(*failure)

    def _train_slice(self, end: float) -> None:
        if self.run is None:
            self.run = PackRun(self.queue[0], self.device)
        while not self.run.finished:
            self.run.advance(SLICE_STEPS)
            self.results += self.run.take()
            if time.monotonic() >= end:
                return
        self.results += self.run.finish()
        self.run = None
        self.queue.pop(0)

    def _after(self, message: str, trace: str, out_of_memory: bool) -> None:
        done = {result.cell.key for result in self.results}
        pack = self.queue.pop(0)
        pack = replace(pack, cells=tuple(cell for cell in pack.cells if cell.key not in done))
        seconds = self.run.seconds if self.run else 0.0
        self.run = None
        if self.device != "cpu":
            torch.cuda.empty_cache()
        if not pack.cells:
            return
        if len(pack.cells) > 1:
            width = max(1, pack.width // 2) if out_of_memory else pack.width
            half = len(pack.cells) // 2
            parts = [pack.cells[:half], pack.cells[half:]]
            self.queue[:0] = [p for cells in parts for p in _repacked(cells, width)]
            return
        if out_of_memory and pack.width > 1:
            self.queue.insert(0, Pack(pack.cells, pack.width // 2))
            return
        self.results += [_failed(cell, message, seconds, trace) for cell in pack.cells]
        if out_of_memory:  # the cell's own size
            return
        self._alone.append(message)
        if len(self._alone) >= 2 and len(set(self._alone)) == 1 and len(self._alone) == len(self.results):
            raise RuntimeError(f"every cell fails: {message}")

    def _publish(self, results: Sequence[CellResult]) -> None:
        key = Pack(tuple(result.cell for result in results), self.pack.width).key
        provenance = Provenance(
            device=self.device_name,
            threads=torch.get_num_threads(),
            compiled=compiler_available(self.device),
            git_revision=self.git_revision,
        )
        with clock.phase("evaluate"):
            cells = outcome_table(results, key, provenance)
            curves = curve_table(results, key) if self.keep.curves else None
            minimizers = minimizer_table(results, key) if self.keep.minimizers else None
            failures = failure_table(results, key)
        for wait in (*PUBLISH_WAITS, None):
            try:
                with clock.phase("publish"):
                    self.timings.published(self.writer.publish(key, cells, curves, minimizers, failures))
            except StoreError as error:
                if wait is None:
                    raise
                self.timings.retried(error)
                with clock.phase("publish"):
                    time.sleep(wait)
            else:
                self._published.update(result.cell.key for result in results)
                self.results = [_counted(r) if r.cell.key in self._published else r for r in self.results]
                return

    @property
    def device_name(self) -> str:
        """`cpu`, or what the GPU calls itself."""
        return self.device if self.device == "cpu" else torch.cuda.get_device_name(0)

    @property
    def fraction(self) -> float:
        """How much of the pack is trained, 0 to 1."""
        under_way = self.run.under_way if self.run else 0.0
        return min(1.0, (len(self.results) + under_way) / len(self.pack.cells))

    def summary(self) -> dict[str, float | int | bool]:
        """Flat numbers for Tune: everything else goes straight to the store."""
        statuses = [result.status for result in self.results]
        diverged = statuses.count("diverged") + (self.run.diverged if self.run else 0)
        return {
            "done": self.published,
            "cells": len(self.pack.cells),
            "fraction": self.fraction,
            "diverged": diverged,
            "failed": statuses.count("failed"),
        }

    def facts(self) -> str:
        """What the driver's log and timings need beside the summary, as one short text; see PackTimings."""
        return self.timings.facts(self.results, self.published, self.device_name)


def _repacked(cells: tuple[Cell, ...], width: int) -> list[Pack]:
    return [Pack(cells[i : i + width], width) for i in range(0, len(cells), width)]


def _counted(result: CellResult) -> CellResult:
    """A published result without what takes memory."""
    return replace(result, probe=None, minimizer=None, curve=(), traceback=None)


def _failed(cell: Cell, message: str, seconds: float, trace: str | None = None) -> CellResult:
    return CellResult(cell, "failed", 0, seconds, error=message, traceback=trace)


def _out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return (
        isinstance(error, MemoryError | torch.cuda.OutOfMemoryError)
        or "not enough memory" in text
        or "can't allocate memory" in text
    )


def failed_pack(pack: Pack, store: str, message: str, git_revision: str | None, trace: str = "") -> None:
    """Publish a pack whose worker died every time as failed rows."""
    results = [_failed(cell, message[:ERROR_LENGTH], 0.0, shortened(trace) or None) for cell in pack.cells]
    key = f"{pack.key}f"  # never the name of a part with results
    rows = outcome_table(results, key, Provenance(git_revision=git_revision))
    StoreWriter(store).publish(key, rows, failures=failure_table(results, key))
