"""What may be written for an axis: a value, a list, or a range."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from explorer.axes import Axis, Pattern, Value, shown
from explorer.errors import StudyError
from explorer.registry import nearest
from explorer.yaml_text import Path

# Where something is written, as a message prints it.
At = Callable[[Path], object]

RANGE_KEYS = ("from", "to", "count", "log")
# Grid values are decimal to twelve digits, so that a refined grid meets the coarse one in the same cells.
DIGITS = 12
LARGEST_RANGE = 1_000_000


def expand(axis: Axis, written: object, path: Path, at: At) -> list[tuple[Value, Path]]:
    """The values of an axis, each with the path it was written at; domains are checked by the caller."""
    if isinstance(written, dict):
        return [(value, path) for value in _range(axis, written, path, at)]
    if isinstance(written, list):
        if not written:
            raise StudyError(f"{at(path)}: found an empty list, expected at least one value.")
        values = [(_bare(axis, value, (*path, i), at), (*path, i)) for i, value in enumerate(written)]
        seen: set[Value] = set()
        for value, where in values:
            if value in seen:
                raise StudyError(f"{at(where)}: {shown(value)} is given twice; expected each value once.")
            seen.add(value)
        return values
    return [(_bare(axis, written, path, at), path)]


def _bare(axis: Axis, value: object, path: Path, at: At) -> Value:
    if isinstance(axis.domain, Pattern) and isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:.12g}"  # hidden: 64 is one layer of 64
    return Axis(axis.name, axis.kind).read(value, at(path))


def _range(axis: Axis, written: dict[str, object], path: Path, at: At) -> list[Value]:
    if axis.kind not in ("float", "int", "count"):
        raise StudyError(f"{at(path)}: found a range, expected names; {axis.name} is not a number.")
    for key in written:
        if key not in RANGE_KEYS:
            raise StudyError(
                f"{at((*path, key))}: unknown key of a range; expected {', '.join(RANGE_KEYS)}.{nearest(str(key), RANGE_KEYS)}"
            )
    count = Axis("count", "int").read(written.get("count"), at((*path, "count"))) if "count" in written else None
    if count is None:
        raise StudyError(f"{at((*path, 'count'))}: missing; expected {{from: …, to: …, count: …}}.")
    if not 1 <= int(count) <= LARGEST_RANGE:
        raise StudyError(f"{at((*path, 'count'))}: found {count}, expected a whole number from 1 to {LARGEST_RANGE}.")
    if "to" not in written:
        if axis.kind == "float" or "log" in written:
            raise StudyError(f"{at((*path, 'to'))}: missing; expected {{from: …, to: …, count: …}}.")
        first = _bare(axis, written.get("from", 0), (*path, "from"), at)
        return [int(first) + i for i in range(int(count))]
    if "from" not in written:
        raise StudyError(f"{at((*path, 'from'))}: missing; expected {{from: …, to: …, count: …}}.")
    number = Axis(axis.name, "float")
    low, high = (float(number.read(written[key], at((*path, key)))) for key in ("from", "to"))
    log = Axis("log", "bool").read(written.get("log", False), at((*path, "log")))
    if not low < high:
        raise StudyError(f"{at(path)}: found from {low:g} to {high:g}, expected from < to.")
    if log and low <= 0:
        raise StudyError(f"{at((*path, 'from'))}: found {low:g}, expected a positive number for a logarithmic range.")
    if count == 1:
        raise StudyError(f"{at((*path, 'count'))}: found 1, expected at least 2 values from {low:g} to {high:g}.")
    grid = np.geomspace(low, high, int(count)) if log else np.linspace(low, high, int(count))
    if axis.kind != "float":
        whole: list[Value] = list(dict.fromkeys(int(v) for v in np.rint(grid)))
        if len(whole) < int(count):
            raise StudyError(
                f"{at((*path, 'count'))}: found {count}, expected at most {len(whole)} whole numbers from {low:g} to {high:g}."
            )
        return whole
    return [float(f"{v:.{DIGITS}g}") for v in grid]
