"""One pack from cells to rows in the store, whatever happens to it on the way."""

from __future__ import annotations

import contextlib
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from explorer.cells import Cell, Pack
from explorer.engine import checkpoints
from explorer.engine.failure import ERROR_LENGTH, described, shortened
from explorer.engine.rows import Provenance, curve_table, failure_table, minimizer_table, outcome_table
from explorer.engine.timings import PackTimings
from explorer.engine.watchdog import Watchdog
from explorer.errors import StoreError
from explorer.sections import Keep
from explorer.store import StoreWriter, open_store
from explorer.training import CellResult, CellState, PackRun
from explorer.training.clock import clock
from explorer.training.program import compiler_available

SLICE_STEPS = 20
# A store that cannot be written is tried again after these pauses, and the last of them, until it has been away for so long.
PAUSES = (0.5, 2.0, 10.0, 60.0)
PATIENCE_SECONDS = 1800.0


def hung_file(pack: Pack) -> str:
    """Where a pack that hangs says so, below the store's root."""
    return f"{checkpoints.FOLDER}/{pack.key}.hung"


class Patience:
    """How long to go on with a store that cannot be written or seen."""

    def __init__(self) -> None:
        self.failures, self._since, self._next = 0, 0.0, 0.0

    def failed(self, error: Exception) -> None:
        """Wait longer than after the failure before. Raises the error where there have been nothing but failures for too long."""
        now = time.monotonic()
        self._since = self._since if self.failures else now
        if now - self._since >= PATIENCE_SECONDS:
            raise error
        self.failures += 1
        self._next = now + PAUSES[min(self.failures, len(PAUSES)) - 1]

    @property
    def seconds(self) -> float:
        """Until the next attempt is due."""
        return max(0.0, self._next - time.monotonic())


class PackJob:
    """Trains a pack by slices of wall time and publishes its cells, as many at a time as it has slots.

    A pack that raises is cut in two, and in two again, until the cell that raises stands alone and becomes a `failed`
    row; a pack that runs out of memory goes on at half the width. Where two cells in turn fail alone with one error
    and none has succeeded, the error is not theirs but the machine's: the job raises, to be tried elsewhere.

    What is in training is saved every `checkpoint_seconds` (0: never), and taken from there and from the checkpoints
    at `paths` by a job that begins. A store that is away is waited for. A job that `goes_on` with a pack whose process
    died looks in the store for cells that are done; of its cells it trains those in the ranges `groups`, one group
    after another, each published before the next begins, and publishes those in `failed` with these messages.
    """

    def __init__(
        self,
        pack: Pack,
        store: str,
        keep: Keep,
        device: str = "cpu",
        git_revision: str | None = None,
        *,
        checkpoint_seconds: float = 0.0,
        paths: Sequence[str] = (),
        goes_on: bool = False,
        retry_failed: bool = False,
        groups: Sequence[Sequence[int]] = (),
        failed: Mapping[int, str] | None = None,
        watchdog: Watchdog | None = None,
    ) -> None:
        self.pack, self.keep, self.device, self.git_revision = pack, keep, device, git_revision
        self.writer = StoreWriter(store)
        if not self.writer.files.exists("store.json"):
            raise StoreError(f"{store}: not visible from {platform.node()}; expected a place that every node shares.")
        self.results: list[CellResult] = []
        self.run: PackRun | None = None
        self.published = False
        self.passed = 0
        self._watchdog = watchdog or Watchdog(0)
        self._notes: list[str] = []
        self._patience = Patience()
        self._published: set[str] = set()
        self._alone: list[str] = []
        self.timings = PackTimings(pack)
        self._every, self._saved_at = checkpoint_seconds, time.monotonic()
        self._file = checkpoints.file_of(pack)
        self._has_file = goes_on or self.writer.files.path(self._file) in paths
        done: set[str] = set()
        self._failed_before = 0
        if goes_on:
            missing = open_store(store).missing
            done = {cell.key for cell in pack.cells} - {cell.key for cell in missing(pack.cells, retry_failed)}
            self._failed_before = len(missing(pack.cells, True)) - len(pack.cells) + len(done)
            paths = [self.writer.files.path(self._file), *paths]
        self._before = len(done)
        self._states: dict[str, CellState] = {}
        ranges = [range(*group) for group in groups] if groups or failed else [range(len(pack.cells))]
        cells = [tuple(cell for cell in pack.cells[r.start : r.stop] if cell.key not in done) for r in ranges]
        self._width = pack.width
        self._load(paths, {cell.key for group in cells for cell in group})
        self.groups = [self._resumed(group) for group in cells]
        self.queue: list[Pack] = self.groups[0] if self.groups else []
        for i, message in (failed or {}).items():
            if pack.cells[int(i)].key not in done:
                self.results.append(_failed(pack.cells[int(i)], message, 0.0))

    def _load(self, paths: Sequence[str], keys: set[str]) -> None:
        """Take from checkpoints what there is of these cells, of one width."""
        for path in dict.fromkeys(paths):
            wide, states, why = checkpoints.load(self.writer.files, path, keys, self.device)
            if why:
                self._note(why)
            if 0 < wide <= self.pack.width and (wide == self._width or not self._states):
                self._width = wide
                known = self._states
                self._states = known | {k: s for k, s in states.items() if k not in known or s.steps > known[k].steps}
        if self._states:
            steps = sum(state.steps for state in self._states.values())
            self._note(
                f"{len(self._states)} of {len(self.pack.cells)} cells go on from a checkpoint, {steps} steps in all"
            )
        self._safe = self._worth()

    def _resumed(self, cells: tuple[Cell, ...]) -> list[Pack]:
        """Cells as packs: those that were saved at a smaller width go on at that."""
        if self._width == self.pack.width or not cells:
            return [Pack(cells, self.pack.width)] if cells else []
        saved = tuple(cell for cell in cells if cell.key in self._states)
        others = tuple(cell for cell in cells if cell.key not in self._states)
        return [*_repacked(saved, self._width), *([Pack(others, self.pack.width)] if others else [])]

    def advance(self, seconds: float) -> None:
        """Work for about this long, or to the end of a group; the first call on a new shape also compiles."""
        end = time.monotonic() + seconds
        while not self.published and time.monotonic() < end:
            if self._waiting and (not self.queue or len(self._waiting) >= self.pack.width):
                self._publish()
            if not self.queue:
                if not self._waiting:
                    self._pass()
                    return
                with clock.phase("publish"):
                    time.sleep(max(0.0, min(self._patience.seconds, end - time.monotonic())))
                continue
            failure: tuple[str, str, bool] | None = None
            try:
                with self._watchdog.watching(), clock.phase("train"):
                    self._train_slice(end)
            except Exception as error:  # whatever a source, an architecture or torch raises is the cell's own failure
                failure = *described(error), _out_of_memory(error)
            if failure is not None:  # outside the handler, whose traceback would keep the pack's tensors alive
                self._after(*failure)
            self._save()

    def _pass(self) -> None:
        """A group is done: the next, or the end."""
        self.passed += 1
        if self.passed < len(self.groups):
            self.queue = self.groups[self.passed]
            return
        self.published = True
        if self._has_file:
            with contextlib.suppress(StoreError):  # the run removes it in the end
                self.writer.files.remove(self.writer.files.path(self._file))

    def _train_slice(self, end: float) -> None:
        if self.run is None:
            self.run = self._begun(self.queue[0])
        while not self.run.finished:
            self.run.advance(SLICE_STEPS)
            self._watchdog.pulse()
            self.results += self.run.take()
            if time.monotonic() >= end:
                return
        self.results += self.run.finish()
        self.run = None
        self.queue.pop(0)

    def _begun(self, pack: Pack) -> PackRun:
        states = {cell.key: self._states[cell.key] for cell in pack.cells if cell.key in self._states}
        if states and pack.width == self._width:
            try:
                return PackRun(pack, self.device, states=states)
            except (KeyError, ValueError) as error:
                self._note(f"a checkpoint does not fit its cells: {error}; training starts from the beginning")
                self._states = {key: state for key, state in self._states.items() if key not in states}
        return PackRun(pack, self.device)

    def _save(self) -> None:
        """Publish what is evaluated and save what is in training, if it is time; a checkpoint that fails is one missed."""
        if not self._every or time.monotonic() - self._saved_at < self._every or self.run is None:
            return
        self._saved_at = time.monotonic()
        if self._waiting:
            self._publish()
        known = {result.cell.key for result in self.results}
        same = self._states if self.run.pack.width == self._width else {}
        self._states = {key: state for key, state in same.items() if key not in known} | self.run.states()
        self._width = self.run.pack.width
        try:
            checkpoints.save(self.writer.files, self._file, self._width, self._states, self.device)
        except StoreError as error:
            self._note(f"no checkpoint: {error}")
            return
        self._has_file = True
        self._safe = self._worth()

    def _worth(self) -> float:
        """How many cells' worth of training is in the store."""
        saved = sum(state.steps for key, state in self._states.items() if key not in self._published)
        return self._before + len(self._published) + saved / float(self.pack.cells[0].settings["steps"])

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

    @property
    def _waiting(self) -> list[CellResult]:
        """What is not yet in the store."""
        return [result for result in self.results if result.cell.key not in self._published]

    def _publish(self) -> None:
        """Publish what is not yet in the store; where that is away, leave it for later."""
        if self._patience.seconds:
            return
        results = self._waiting
        key = Pack(tuple(result.cell for result in results), self.pack.width).key
        provenance = Provenance(
            device=self.device_name,
            threads=torch.get_num_threads(),
            compiled=compiler_available(self.device),
            git_revision=self.git_revision,
        )
        try:
            with self._watchdog.watching(), clock.phase("evaluate"):
                cells = outcome_table(results, key, provenance)
        except Exception:  # what an observable raises is its cell's failure, not its neighbours'
            self.results = [r if r.cell.key in self._published else _observable(r, provenance) for r in self.results]
            results = self._waiting
            cells = outcome_table(results, key, provenance)
        with clock.phase("evaluate"):
            curves = curve_table(results, key) if self.keep.curves else None
            minimizers = minimizer_table(results, key) if self.keep.minimizers else None
            failures = failure_table(results, key)
        try:
            with clock.phase("publish"):
                self.timings.published(self.writer.publish(key, cells, curves, minimizers, failures))
        except StoreError as error:
            self._patience.failed(error)
            self.timings.retried(error)
            self._note(f"waiting for the store: {error}")
            return
        self._patience = Patience()
        self._published.update(result.cell.key for result in results)
        self.results = [_counted(r) if r.cell.key in self._published else r for r in self.results]
        self._safe = self._worth()

    def _note(self, text: str) -> None:
        """Something for the run's log; the worker's own is on another machine."""
        if text not in self._notes:
            self._notes.append(text)

    def notes(self) -> list[str]:
        """What there was to note since the last call."""
        taken, self._notes = self._notes, []
        return taken

    @property
    def device_name(self) -> str:
        """`cpu`, or what the GPU calls itself."""
        return self.device if self.device == "cpu" else torch.cuda.get_device_name(0)

    @property
    def fraction(self) -> float:
        """How much of the pack is trained, 0 to 1."""
        under_way = self.run.under_way if self.run else 0.0
        return min(1.0, (self._before + len(self.results) + under_way) / len(self.pack.cells))

    def summary(self) -> dict[str, float | int | bool]:
        """Flat numbers for Tune: everything else goes straight to the store."""
        statuses = [result.status for result in self.results]
        diverged = statuses.count("diverged") + (self.run.diverged if self.run else 0)
        return {
            "done": self.published,
            "cells": len(self.pack.cells),
            "fraction": self.fraction,
            "diverged": diverged,
            "failed": self._failed_before + statuses.count("failed"),
            "passed": self.passed,
            "safe": self._safe,
            "trained": self._before - self._failed_before + len(statuses) - statuses.count("failed"),
        }

    def facts(self) -> str:
        """What the driver's log and timings need beside the summary, as one short text; see PackTimings."""
        return self.timings.facts(self.results, self.published, self.device_name)


def nothing_yet(pack: Pack) -> dict[str, float | int | bool]:
    """The summary of a pack that could not begin yet."""
    counts = dict.fromkeys(("diverged", "failed", "passed", "trained"), 0)
    return {"done": False, "cells": len(pack.cells), "fraction": 0.0, "safe": 0.0, **counts}


def _repacked(cells: tuple[Cell, ...], width: int) -> list[Pack]:
    return [Pack(cells[i : i + width], width) for i in range(0, len(cells), width)]


def _counted(result: CellResult) -> CellResult:
    """A published result without what takes memory."""
    return replace(result, probe=None, minimizer=None, curve=(), traceback=None)


def _observable(result: CellResult, provenance: Provenance) -> CellResult:
    """A result, or the failure of its cell where an observable raises."""
    try:
        outcome_table([result], "", provenance)
    except Exception as error:
        message, trace = described(error)
        return _failed(result.cell, message, result.seconds, trace)
    return result


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
