"""Cells, named by what determines their outcome, and packs of cells of one shape."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from explorer.axes import Axis, Value
from explorer.settings import axes_of, resolve

# Part of every key. Raise it when a change makes the same settings lead to another outcome.
OUTCOME_VERSION = 1

WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True)
class Cell:
    """One point of a study with all its settings resolved."""

    settings: Mapping[str, Value]

    @classmethod
    def of(cls, **given: Value) -> Cell:
        """The cell with these settings, the rest at their defaults."""
        return cls(resolve(given))

    @cached_property
    def key(self) -> str:
        """20 hexadecimal digits: a hash of the settings and of nothing else.

        A setting at its neutral value is left out, so that a setting which is new leaves the keys there are.
        """
        neutral = {axis.name: axis.neutral for axis in self.axes if axis.neutral is not None}
        settings = {k: v for k, v in self.settings.items() if k not in neutral or v != neutral[k]}
        return _digest({"version": OUTCOME_VERSION, **settings})

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        return axes_of(str(self.settings["source"]), str(self.settings["architecture"]))

    @cached_property
    def shape(self) -> dict[str, Value]:
        """What cells of one program share: settings, and which of the knobs that can be neutral are not."""
        engaged = sorted(a.name for a in self.axes if a.neutral is not None and a.name in self.knobs)
        return {
            "code_dimension": self.settings["code_dimension"],
            **self._with_role("shape"),
            **({"engaged": ",".join(engaged)} if engaged else {}),
        }

    @cached_property
    def shape_key(self) -> str:
        return _digest(self.shape)

    @cached_property
    def knobs(self) -> dict[str, float]:
        """The settings that are one tensor entry per cell; those at their neutral value are left out."""
        neutral = {axis.name: axis.neutral for axis in self.axes if axis.neutral is not None}
        knobs = self._with_role("knob").items()
        return {name: float(value) for name, value in knobs if name not in neutral or value != neutral[name]}

    @cached_property
    def stream(self) -> tuple[tuple[str, Value], ...]:
        """What names the underlying draws: the seed and the source's own stream settings."""
        return (("seed", self.settings["seed"]), *sorted(self._with_role("stream").items()))

    def _with_role(self, role: str) -> dict[str, Value]:
        return {a.name: self.settings[a.name] for a in self.axes if a.role == role and a.name in self.settings}


@dataclass(frozen=True)
class Pack:
    """Cells of one shape, trained as one program of `width` slots and `streams` distinct draws.

    Slots beyond the cells are padding: a constant width makes a cell's row independent of its neighbours, bit for bit.
    """

    cells: tuple[Cell, ...]
    width: int
    streams: int

    @property
    def key(self) -> str:
        """A hash of the cells, whatever their order."""
        return _digest(sorted(cell.key for cell in self.cells))

    @property
    def settings(self) -> list[dict[str, Value]]:
        """The cells as plain data."""
        return [dict(cell.settings) for cell in self.cells]


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def by_shape(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Cells grouped by shape; within a group those that share draws stand together."""
    groups: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell.shape_key].append(cell)
    order = lambda cell: (str(cell.stream), json.dumps(dict(cell.settings), sort_keys=True))  # noqa: E731
    return [sorted(group, key=order) for group in groups.values()]


def make_packs(cells: Iterable[Cell], widths: Mapping[str, int]) -> list[Pack]:
    """Cut cells into packs; `widths` gives the number of slots of each shape key."""
    packs: list[Pack] = []
    for group in by_shape(cells):
        width = widths[group[0].shape_key]
        slices = [group[i : i + width] for i in range(0, len(group), width)]
        streams = max(len({cell.stream for cell in part}) for part in slices)
        packs += [Pack(tuple(part), width, streams) for part in slices]
    return packs
