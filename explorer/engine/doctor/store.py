"""Whether a store can be written, and keeps what it is given."""

from __future__ import annotations

import os
import shutil
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from explorer.engine.doctor.base import Asked, Finding, Status, checks, gibibytes
from explorer.errors import ExplorerError, StoreError
from explorer.store.files import Files

ROUND_TRIPS = 5
REPLACEMENTS = 40
SKEW_SECONDS = 5.0
SLOW_MILLISECONDS = 2000.0
LITTLE_BYTES = 2 * 2**30


@checks.register("store")
def store(asked: Asked) -> Sequence[Finding]:
    """A small file can be written, read back, replaced in one step and deleted; the store's clock agrees with this machine's."""
    if asked.store is None:
        return [Finding("store", Status.OK, "not asked for; --store DIR looks at one")]
    name = f"doctor-{uuid.uuid4().hex}"
    try:
        files = Files(existing(asked.store))
        milliseconds, skew = _round_trips(files, name)
        torn = _torn(files, name) if files.local else 0
        files.remove(files.path(name))
        if files.exists(name):
            return [Finding("store", Status.PROBLEM, f"{asked.store}: a deleted file is still there", _MEND)]
    except (ExplorerError, OSError) as error:
        return [Finding("store", Status.PROBLEM, str(error).rstrip("."), _MEND)]
    if torn:
        found = f"{asked.store}: {torn} of {REPLACEMENTS} replacements were seen in part: not a file system for a store"
        return [Finding("store", Status.PROBLEM, found, "a local disk, NFS 4, Lustre, or an object store")]
    how = "replaced in one step, " if files.local else ""
    found = f"{asked.store}: written, read back, {how}deleted; {milliseconds:.0f} ms to write and read a file"
    slow = milliseconds > SLOW_MILLISECONDS
    mend = "use a store in the cluster's region" if slow else ""
    return [Finding("store", Status.WARNING if slow else Status.OK, found, mend), _clock(skew), *_space(files)]


_MEND = "see permissions and credentials of this user there, and that the place is mounted and not full"


def existing(place: str) -> str:
    """The place itself, or of a directory that is not there yet the nearest one that is."""
    if "://" in place:
        return place
    path = Path(place).absolute()
    while not path.exists():
        path = path.parent
    if not path.is_dir():
        raise StoreError(f"{path}: found a file, expected a directory")
    return str(path)


def write_and_read(place: str) -> str:
    """Why this machine cannot write to a place and read it back; empty where it can."""
    try:
        files = Files(existing(place))
        name = f"doctor-{uuid.uuid4().hex}"
        _round_trips(files, name, 1)
        files.remove(files.path(name))
    except (ExplorerError, OSError) as error:
        return str(error)
    return ""


def _round_trips(files: Files, name: str, count: int = ROUND_TRIPS) -> tuple[float, float]:
    """The least time of a write and a read, in milliseconds, and by how many seconds the store's clock is ahead of this one."""
    least, skew = float("inf"), 0.0
    for number in range(count):
        content = f"{name} {number}".encode()
        begin, moment = time.monotonic(), time.time()
        files.publish(name, content)
        written = time.time()
        found = files.read(files.path(name))
        least = min(least, time.monotonic() - begin)
        if found != content:
            raise StoreError(f"{files.path(name)}: read back {found[:60]!r}, expected {content!r}")
        stamped = (files.system.get_file_info(files.path(name)).mtime_ns or 0) / 1e9
        # Object stores say whole seconds, rounded down.
        early, late = stamped - moment + (0.0 if files.local else 1.0), stamped - written
        skew = late if late > 0 else min(0.0, early)
    return least * 1000, skew


def _torn(files: Files, name: str) -> int:
    """How many of many replacements a reader saw in part, or not at all."""
    whole = [b"a" * 65536, b"b" * 65536]
    files.publish(name, whole[0])
    wrong, done = [0], threading.Event()

    def watch() -> None:
        while not done.is_set():
            try:
                wrong[0] += files.read(files.path(name)) not in whole
            except OSError:
                wrong[0] += 1

    reader = threading.Thread(target=watch)
    reader.start()
    try:
        for number in range(REPLACEMENTS):
            files.publish(name, whole[number % 2])
    finally:
        done.set()
        reader.join()
    return min(wrong[0], REPLACEMENTS)


def _clock(skew: float) -> Finding:
    found = f"the store's clock differs from this one by {abs(skew):.1f} s"
    if abs(skew) <= SKEW_SECONDS:
        return Finding("clock", Status.OK, found)
    return Finding("clock", Status.WARNING, found, "synchronise this machine's clock (chrony or systemd-timesyncd)")


def _space(files: Files) -> list[Finding]:
    if not files.local:
        return []
    free = shutil.disk_usage(files.root).free
    inodes = os.statvfs(files.root)
    found = f"{gibibytes(free)} free at {files.root}"
    if inodes.f_files and inodes.f_favail < 10_000:
        return [
            Finding(
                "store",
                Status.PROBLEM,
                f"{inodes.f_favail} files left at {files.root}",
                "make room: every pack is a file",
            )
        ]
    if free < LITTLE_BYTES:
        return [
            Finding(
                "store",
                Status.WARNING,
                found,
                "make room; a million cells take about 1 GiB, curves and minimizers more",
            )
        ]
    return [Finding("store", Status.OK, found)]
