"""The interpreter and this package."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence

from explorer.engine.doctor.base import Asked, Finding, Status, checks, version_of

OLDEST = (3, 11)


@checks.register("python")
def python(asked: Asked) -> Sequence[Finding]:
    """Python is new enough."""
    where = f"{platform.system()} {platform.machine()}"
    found = f"Python {platform.python_version()} on {where}, explorer {version_of('explorer')}"
    if sys.version_info < OLDEST:
        return [Finding("python", Status.PROBLEM, found, "use Python 3.11 or newer, the same on every node")]
    return [Finding("python", Status.OK, found)]
