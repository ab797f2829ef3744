"""What a check is asked, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version

from explorer.errors import EngineError
from explorer.registry import Registry


class Status(StrEnum):
    """`warning`: a run works, but slower or less safely; `problem`: it fails, or is open to others."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run would be given: `address` of a cluster (None: embedded) and `store`, a directory or URI (None: not known)."""

    address: str | None = None
    store: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and how to mend it (empty where there is nothing to mend)."""

    check: str
    status: Status
    found: str
    mend: str = ""


Check = Callable[[Asked], Sequence[Finding]]

checks: Registry[Check] = Registry("check", "explorer.engine.doctor", EngineError)
# In the order in which they are shown; a check that is not named here comes last.
ORDER = ("python", "torch", "compiler", "ray", "token", "network", "cluster", "store", "disk", "limits")
# Of one check, in seconds: a first import of torch from a slow disk, or a cluster that does not answer.
TIME_LIMITS = {"torch": 90.0, "compiler": 180.0, "ray": 60.0, "cluster": 120.0, "store": 60.0}
TIME_LIMIT = 30.0
INSTALL = 'pip install "explorer[train]"'


def gibibytes(count: float) -> str:
    """A number of bytes as a person writes it."""
    return f"{count / 2**30:.1f} GiB"


def version_of(package: str) -> str:
    """The version of an installed distribution, without importing it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
