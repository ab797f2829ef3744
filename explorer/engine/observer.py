"""What the driver of a run sees: of everything that Tune tells of its packs it makes events, a table of timings and metrics."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from platform import node
from typing import Any

import pyarrow as pa

from explorer.cells import Pack
from explorer.engine.events import event
from explorer.engine.metrics import RunMetrics
from explorer.engine.plan import Plan
from explorer.engine.progress import duration
from explorer.errors import StoreError
from explorer.records import PACKS
from explorer.store import StoreWriter

KEEP_EVERY_SECONDS = 60.0
# What is not shown of a pack's account as fields of its event: its begin and end are those of the line.
_UNSAID = ("begin", "end")


class Observer:
    """Follows the packs of a run, one round of them after another.

    `reason` is why a worker last died, "" where none did.
    The table of timings is written whole, at most once a minute and at the end; where it cannot be written, training goes on.
    """

    def __init__(self, writer: StoreWriter, run: str) -> None:
        self.writer, self.run = writer, run
        self.metrics: RunMetrics | None = None
        self._rows: list[dict[str, Any]] = []
        self._table = PACKS.empty_table()
        self._kept, self._kept_rows = time.monotonic(), 0
        self._began, self._rounds = time.monotonic(), 0
        self.reason = ""
        self.planned({})

    def begin(self, store: str, address: str | None) -> None:
        """The run begins."""
        self._began = time.monotonic()
        event(
            "run_started", f"run {self.run} into {store}", store=store, address=address, host=node(), pid=os.getpid(),
        )  # fmt: skip

    def round(self, plan: Plan) -> None:
        """The grid, or what was proposed last, is to be trained."""
        self._rounds += 1
        size = {"cells": plan.cells, "missing": len(plan.missing), "packs": len(plan.packs)}
        text = f"round {self._rounds}: {size['missing']} of {plan.cells} cells in {size['packs']} packs"
        event("round", text, number=self._rounds, **size)

    def end(self, state: str, counts: Mapping[str, Any]) -> None:
        """The run is over: `finished`, `interrupted`, or `stopped` by an error."""
        self.keep()
        seconds = time.monotonic() - self._began
        if state == "interrupted":
            event("interrupted", f"run {self.run} was interrupted", logging.WARNING)
        event(
            "run_finished", f"run {self.run} {state} after {duration(seconds)}", state=state, seconds=round(seconds, 3),
            **{name: counts.get(name) for name in ("total", "done", "diverged", "failed")},
        )  # fmt: skip

    def planned(self, packs: Mapping[int, Pack]) -> None:
        """These packs, by number, are trained from now on, as they are cut; the others are over."""
        self.packs = packs
        self._seen: dict[int, dict[str, int]] = {}
        self._deaths: dict[int, int] = {}

    def started(self, index: int) -> None:
        """A worker takes a pack."""
        pack = self.packs[index]
        self._seen[index] = {}
        event(
            "pack_started", f"pack {pack.key}: {len(pack.cells)} cells",
            pack_key=pack.key, cells=len(pack.cells), width=pack.width, shape_key=pack.cells[0].shape_key,
        )  # fmt: skip

    def heard(self, index: int, summary: Mapping[str, Any]) -> None:
        """A worker told how its pack goes on: its summary, and among it what PackTimings says."""
        facts = json.loads(summary.get("facts") or "{}")
        pack, seen = self.packs[index], self._seen.setdefault(index, {})
        retries = self._more(seen, "retries", int(facts.get("retries", 0)))
        if retries:
            reason = facts["retried_because"]
            event(
                "publish_retry", f"pack {pack.key}: writing to the store is tried again: {reason}", logging.WARNING,
                pack_key=pack.key, times=retries, error=reason,
            )  # fmt: skip
            if self.metrics:
                self.metrics.publish_retried(retries)
        failed = self._more(seen, "failed", int(summary["failed"]))
        if failed:
            key, error = facts.get("failed_key", ""), facts.get("error", "")
            event(
                "cells_failed", f"pack {pack.key}: {failed} cells failed, {key} of them with {error}", logging.WARNING,
                pack_key=pack.key, cells=failed, cell_key=key, error=error,
            )  # fmt: skip
        diverged = self._more(seen, "diverged", int(summary["diverged"]))
        if diverged:
            event("cells_diverged", f"pack {pack.key}: {diverged} cells diverged", pack_key=pack.key, cells=diverged)
        if "account" in facts and self._more(seen, "done", 1):
            self._done(pack, summary, facts)
        if time.monotonic() - self._kept >= KEEP_EVERY_SECONDS:
            self.keep()

    @staticmethod
    def _more(seen: dict[str, int], name: str, count: int) -> int:
        """By how much a count has grown; one that shrank, of a pack that began anew, counts from there."""
        before, seen[name] = seen.get(name, 0), count
        return max(0, count - before)

    def _done(self, pack: Pack, summary: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        account = facts["account"]
        counts = {"cells": len(pack.cells), "diverged": int(summary["diverged"]), "failed": int(summary["failed"])}
        seconds = account["end"] - account["begin"]
        times = {name: datetime.fromtimestamp(account[name], UTC) for name in _UNSAID}
        row = {"pack_key": pack.key, **counts, "width": pack.width, **account, **times}
        self._rows.append({"run": self.run, **row})
        phases = ", ".join(f"{n} {account[f'{n}_seconds']:.2f}" for n in ("compile", "train", "evaluate", "publish"))
        event(
            "pack_finished", f"pack {pack.key}: {counts['cells']} cells in {seconds:.2f} s on {account['host']}: {phases}",
            seconds=round(seconds, 6), **{name: value for name, value in row.items() if name not in _UNSAID},
        )  # fmt: skip
        if self.metrics:
            self.metrics.pack_done(seconds, facts["statuses"])

    def died(self, index: int, reason: str, again: bool) -> None:
        """A pack's worker died or raised; `again` says whether it is tried again."""
        pack = self.packs[index]
        self._deaths[index] = self._deaths.get(index, 0) + 1
        if again or not self.reason:  # of an actor that never came up Ray says less at the end than before
            self.reason = reason
        next_ = "it is tried again" if again else "it is given up"
        event(
            "worker_died", f"pack {pack.key}: {reason}; {next_}", logging.WARNING if again else logging.ERROR,
            pack_key=pack.key, cells=len(pack.cells), times=self._deaths[index], error=reason, again=again,
        )  # fmt: skip
        if self.metrics:
            self.metrics.worker_died()

    def keep(self) -> None:
        """Write the table of timings, where there are new ones."""
        self._kept = time.monotonic()
        if self._rows:  # only new ones are made into columns: a long run has tens of thousands
            self._table = pa.concat_tables([self._table, pa.Table.from_pylist(self._rows, schema=PACKS)])
            self._rows = []
        if len(self._table) == self._kept_rows:
            return
        try:
            self.writer.note_packs(self.run, self._table)
            self._kept_rows = len(self._table)
        except StoreError as error:  # timings that cannot be written are no reason to stop training
            event("store_error", f"timings of packs not written: {error}", logging.WARNING, error=str(error))
