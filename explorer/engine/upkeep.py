"""Keeping a store at few files while a run fills it, so that whoever reads it needs few requests at any time."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator

from explorer.errors import StoreError
from explorer.store.compact import MOST_PARTS, tidy
from explorer.store.files import Files
from explorer.store.parts import PART, SUFFIX

log = logging.getLogger("explorer")

LOOK_EVERY_SECONDS = 60.0
# Replaced files are deleted when their grace is over: whether there are any is looked for less often.
SWEEP_EVERY_SECONDS = 900.0
STOP_SECONDS = 10.0


class _Stopped(Exception):
    """The run has ended in the middle of a merge, which leaves nothing half."""


@contextlib.contextmanager
def kept_tidy(store: str, every: float | None = None) -> Iterator[None]:
    """For the length of a `with`, a thread that merges the store's parts whenever `MOST_PARTS` have piled up.

    It looks `every` so many seconds, by default once a minute.
    What goes wrong in it is logged and tried again later; it ends no run. It stops within the reading or writing of a few files;
    a merge that is cut off leaves nothing half.
    """
    stop = threading.Event()
    thread = threading.Thread(
        target=_keep, args=(store, every or LOOK_EVERY_SECONDS, stop), name="explorer-upkeep", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOP_SECONDS)


def _keep(store: str, every: float, stop: threading.Event) -> None:
    swept, before = time.monotonic(), 0
    while not stop.wait(every):
        try:
            there = parts_in(store)
            before = min(before, there)  # some have been deleted
            if there - before >= MOST_PARTS or time.monotonic() - swept >= SWEEP_EVERY_SECONDS:
                tidied(store, stop)
                swept, before = time.monotonic(), there
        except _Stopped:
            return
        except Exception as error:  # a store that cannot be tidied now is no reason to stop training
            log.warning("upkeep: %s", error)


def parts_in(store: str) -> int:
    """How many files of parts of cells are there, merged since or not."""
    return sum(f"/{PART}" in path for path in Files(store).listing("cells", SUFFIX))


def tidied(store: str, stop: threading.Event | None = None) -> None:
    """Merge what has piled up; says so in the log where there was something."""

    def check() -> None:
        if stop is not None and stop.is_set():
            raise _Stopped

    for done in tidy(store, most_parts=MOST_PARTS, check=check):
        if done.into or done.deleted:
            log.info(
                "upkeep: %s: %d files merged into %d, %d deleted", done.folder, done.merged, done.into, done.deleted
            )


def tidied_before(store: str) -> None:
    """Where many parts have piled up, merge them before a run reads what is missing: it reads a store several times.

    Raises StoreError where the store cannot be reached.
    """
    if parts_in(store) < MOST_PARTS:
        return
    try:
        tidied(store)
    except StoreError as error:  # if it is in the way of reading too, the run says so
        log.warning("upkeep: %s", error)
