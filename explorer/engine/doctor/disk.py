"""Room for Ray's session, for compiled programs and for shared memory."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from explorer.engine.doctor.base import Asked, Finding, Status, checks, gibibytes

GIB = 2**30


@checks.register("disk")
def disk(asked: Asked) -> Sequence[Finding]:
    """The scratch directories and /dev/shm have room, and can be written."""
    places = {
        Path(os.environ.get("RAY_TMPDIR") or "/tmp"): (2 * GIB, "RAY_TMPDIR names another place for Ray's session"),
        Path(tempfile.gettempdir()): (2 * GIB, "TMPDIR names another place for scratch files"),
        Path("/dev/shm"): (
            GIB // 2,
            "a container has 64 MiB unless told otherwise: docker run --shm-size=2g, an emptyDir in memory",
        ),
    }
    return [_room(place, least, mend) for place, (least, mend) in places.items() if place.is_dir()]


def _room(place: Path, least: int, mend: str) -> Finding:
    free = shutil.disk_usage(place).free
    found = f"{gibibytes(free)} free in {place}"
    if not os.access(place, os.W_OK):
        return Finding("disk", Status.PROBLEM, f"{place} cannot be written", mend)
    if free < least:
        return Finding("disk", Status.WARNING, found, f"{gibibytes(least)} or more is better; {mend}")
    return Finding("disk", Status.OK, found)
