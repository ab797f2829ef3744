"""What the system lets a process have."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.engine.doctor.base import Asked, Finding, Status, checks

FILES = 4096
PROCESSES = 4096


@checks.register("limits")
def limits(asked: Asked) -> Sequence[Finding]:
    """Open files and processes: Ray opens a socket per worker and node, and says little when it may not."""
    import resource

    findings = []
    for name, kind, least, mend in (
        ("open files", resource.RLIMIT_NOFILE, FILES, "ulimit -n 65536"),
        ("processes", resource.RLIMIT_NPROC, PROCESSES, "ulimit -u 65536"),
    ):
        soft, hard = resource.getrlimit(kind)
        shown = "without limit" if soft == resource.RLIM_INFINITY else f"{soft}"
        few = soft != resource.RLIM_INFINITY and soft < least
        able = (
            ""
            if not few or hard == resource.RLIM_INFINITY or hard >= least
            else f" (as root: the hard limit is {hard})"
        )
        findings.append(
            Finding("limits", Status.WARNING if few else Status.OK, f"{name}: {shown}", f"{mend}{able}" if few else "")
        )
    return findings
