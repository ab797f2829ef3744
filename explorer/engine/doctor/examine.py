"""Running the checks: each in a process of its own, which is killed at its time limit, so that nothing hangs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from explorer.engine.doctor.base import ORDER, TIME_LIMIT, TIME_LIMITS, Asked, Finding, Status, checks

AT_ONCE = 4


def examine(asked: Asked, only: Sequence[str] = (), limits: dict[str, float] | None = None) -> list[Finding]:
    """The findings of these checks (of all where none is named), in order; `limits` are seconds for checks by name.

    Raises EngineError for a check that is not known.
    """
    for name in only:
        checks[name]
    names = [name for name in (*ORDER, *sorted(set(checks) - set(ORDER))) if name in (only or checks)]
    allowed = {**TIME_LIMITS, **(limits or {})}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda name: _apart(name, asked, allowed.get(name, TIME_LIMIT)), names)
        return [finding for findings in found for finding in findings]


def _apart(name: str, asked: Asked, seconds: float) -> list[Finding]:
    """A check's findings from a child process, or that it did not end, or how it died."""
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        child = subprocess.Popen(
            [sys.executable, "-m", "explorer.engine.doctor.examine", name, json.dumps(asdict(asked))],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=complained,
            start_new_session=True,
        )
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            return [Finding(name, Status.PROBLEM, f"no answer within {seconds:g} s", _SLOW.get(name, ""))]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):  # what waits for a dead mount cannot be killed
                child.wait(1.0)
        said.seek(0)
        lines = said.read().splitlines()
        try:
            return [Finding(**{**row, "status": Status(row["status"])}) for row in json.loads(lines[-1])]
        except (IndexError, ValueError, TypeError, KeyError):
            complained.seek(0)
            last = (complained.read().strip().splitlines() or ["nothing said"])[-1]
            return [Finding(name, Status.PROBLEM, f"the check ended with code {child.returncode}: {last[:300]}")]


_SLOW = {
    "cluster": "see that the address is right and its port open from here, and that RAY_AUTH_MODE and the token are the cluster's",
    "store": "see that the place is mounted, or the object store reachable from here",
    "compiler": "unset CXX, or set CXX to a compiler that works; training runs uncompiled otherwise",
}


def _child() -> None:
    name, asked = sys.argv[1], Asked(**json.loads(sys.argv[2]))
    found = [asdict(finding) for finding in checks[name](asked)]
    sys.stdout.write(f"\n{json.dumps(found)}\n")
    sys.stdout.flush()
    os._exit(0)  # threads of a cluster or an object store that does not answer would keep the process


if __name__ == "__main__":
    _child()
