"""What every benchmark says beside its numbers: machine, versions, command; the same rows as JSON and as a Markdown table."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def processor() -> str:
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, memory in GiB, GPUs by name or none, operating system."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "gpu": _gpu(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None


def _gpu() -> str:
    """Asked of the driver's own tool, so that no benchmark has to import torch for it."""
    asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        found = subprocess.run(asked, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return "none"
    return ", ".join(found.stdout.split("\n")[:-1]) or "none" if found.returncode == 0 else "none"


def versions(*names: str) -> dict[str, str]:
    """Python's version and those of these distributions; `not installed` for one that is missing."""
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table; floats to four significant digits, missing values empty."""
    lines = [f"| {' | '.join(columns)} |", f"| {' | '.join('---' for _ in columns)} |"]
    lines += [f"| {' | '.join(_shown(row.get(name)) for name in columns)} |" for row in rows]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def write(
    name: str,
    command: str,
    columns: Sequence[str],
    rows: list[dict[str, Any]],
    notes: list[str],
    folder: str | Path = RESULTS,
    packages: Sequence[str] = (),
) -> None:
    """Write `<name>.json` and `<name>.md` into `folder`: the command, machine, versions, rows (all keys in JSON), notes.

    `packages`: the distributions whose versions matter, beside Python and explorer.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    here, used = machine(), versions("explorer", *packages)
    content = {"command": command, "machine": here, "versions": used, "rows": rows, "notes": notes}
    (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    lines = [
        table(columns, rows),
        "",
        f"Command: `{command}`  ",
        f"Machine: {here['processor']}, {here['cores']} cores, {here['memory_gib']} GiB, GPU {here['gpu']}, {here['system']}  ",
        f"Versions: {', '.join(f'{key} {value}' for key, value in used.items())}",
        "",
        *(f"- {note}" for note in notes),
    ]
    (folder / f"{name}.md").write_text("\n".join(lines).rstrip() + "\n")
