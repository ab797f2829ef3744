"""Cells, named by what determines their outcome, and packs of cells of one shape."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from explorer.axes import Axis, Value
from explorer.settings import axes_of, resolve

# Part of every key. Raise it when a change makes the same settings lead to another outcome.
OUTCOME_VERSION = 1

# Cells of a pack, in multiples of its program's slots.
LONGEST_QUEUE = 16
# A pack has as many tiles as make this many slots share their draws, and no more than so many.
SLOTS_TO_SHARE = 24
MOST_TILES = 4


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
        """20 hexadecimal digits: a hash of the settings and of nothing else."""
        return _digest(self._hashed)

    @property
    def _hashed(self) -> dict[str, Value]:
        """What is in the key. A setting at its neutral value is not, so that a setting which is new leaves the keys there are."""
        neutral = {axis.name: axis.neutral for axis in self.axes if axis.neutral is not None}
        settings = {k: v for k, v in self.settings.items() if k not in neutral or v != neutral[k]}
        return {"version": OUTCOME_VERSION, **settings}

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


@dataclass(frozen=True, slots=True)
class Varied:
    """A setting of a family, the `position` of its index in a point, and the values it takes there."""

    name: str
    position: int
    values: Sequence[Value]
    texts: Sequence[str]  # the values as keys have them

    @classmethod
    def of(cls, name: str, position: int, values: Sequence[Value]) -> Varied:
        return cls(name, position, values, [_json(value) for value in values])


class Family:
    """Cells that differ from a `first` one in varied settings alone, which are in no shape, have no neutral value and,
    but for the seed, are in no stream.

    What the cells share is made once: shape key, streams, and the text of a key but for the varied values.
    """

    def __init__(self, first: Cell, varied: Iterable[Varied]) -> None:
        self.first = first
        self._settings = dict(first.settings)
        self._shape_key = first.shape_key
        self._stream = first.stream[1:]
        self._streams: dict[Value, tuple[tuple[str, Value], ...]] = {}
        self._varied = sorted(varied, key=lambda one: one.name)
        self._text = self._text_around(first)

    def _text_around(self, first: Cell) -> list[str]:
        """What is hashed for a key, with an empty text in place of each varied value."""
        cut = "\0"
        kept = _json({**first._hashed, **{one.name: cut for one in self._varied}}).split(_json(cut))
        text = [""] * (2 * len(kept) - 1)
        text[::2] = kept
        return text

    def key(self, point: Sequence[int]) -> str:
        """The key of the cell at a point."""
        text = self._text.copy()
        text[1::2] = [one.texts[point[one.position]] for one in self._varied]
        return _hash("".join(text))

    def cell(self, point: Sequence[int], key: str) -> Cell:
        """The cell at a point, whose key this is."""
        settings = self._settings.copy()
        for one in self._varied:
            settings[one.name] = one.values[point[one.position]]
        cell = Cell(settings)
        vars(cell).update(key=key, shape_key=self._shape_key, stream=self._stream_of(settings["seed"]))
        return cell

    def _stream_of(self, seed: Value) -> tuple[tuple[str, Value], ...]:
        if seed not in self._streams:
            self._streams[seed] = (("seed", seed), *self._stream)
        return self._streams[seed]


def most_tiles(width: int) -> int:
    """How many tiles a pack of programs of this width has at most."""
    return min(MOST_TILES, -(-SLOTS_TO_SHARE // width))


@dataclass(frozen=True)
class Pack:
    """Cells of one shape, trained by a program of `width` slots, in several such tiles at a time where it is narrow.

    Cells beyond the slots wait for a slot to become free; slots beyond the cells are padding. A constant width makes a
    cell's row independent of its neighbours, bit for bit.
    """

    cells: tuple[Cell, ...]
    width: int

    @property
    def slots(self) -> int:
        """Cells that are trained at a time, padding included."""
        return self.width * min(most_tiles(self.width), -(-len(self.cells) // self.width))

    @property
    def key(self) -> str:
        """A hash of the cells, whatever their order."""
        return _digest(sorted(cell.key for cell in self.cells))

    @property
    def settings(self) -> list[dict[str, Value]]:
        """The cells as plain data."""
        return [dict(cell.settings) for cell in self.cells]


_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _digest(value: object) -> str:
    return _hash(_json(value))


def by_shape(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Cells grouped by shape; within a group by what names their draws, and then by their settings as JSON."""
    groups: dict[str, dict[tuple[tuple[str, Value], ...], list[Cell]]] = defaultdict(lambda: defaultdict(list))
    for cell in cells:
        groups[cell.shape_key][cell.stream].append(cell)
    return [
        [cell for stream in sorted(streams, key=str) for cell in _by_text(streams[stream])]
        for streams in groups.values()
    ]


def _by_text(cells: list[Cell]) -> list[Cell]:
    """Cells in the order of their settings as JSON, compared by the values in which they differ."""
    if len(cells) == 1:
        return cells
    if len({tuple(cell.settings) for cell in cells}) > 1:
        return sorted(cells, key=lambda cell: json.dumps(dict(cell.settings), sort_keys=True))
    names = sorted(cells[0].settings)
    texts: list[list[str]] = []
    for name in names:
        column = [cell.settings[name] for cell in cells]
        values = set(column)
        if len(values) > 1:
            end = "}" if name == names[-1] else ","  # as in the whole text: it decides between 0.5 and 0.55
            text = {value: f"{json.dumps(value)}{end}" for value in values}
            texts.append([text[value] for value in column])
    order = ["".join(text) for text in zip(*texts, strict=True)]
    return [cells[i] for i in sorted(range(len(cells)), key=order.__getitem__)] if order else cells


def make_packs(cells: Iterable[Cell], widths: Mapping[str, int], packs: int = 0) -> list[Pack]:
    """Cut cells into packs, into at least `packs` where there are cells enough; `widths` gives a program's slots by shape key.

    A pack of narrow programs has several tiles, whose cells share their draws. Cells of the schedule `plateau` end at
    different times, and a slot that is free takes the next cell of its pack: such packs are long, so that few slots wait for
    the last cell.
    """
    made: list[Pack] = []
    groups = by_shape(cells)
    parts = max(1, -(-packs // max(1, len(groups))))
    for group in groups:
        width = widths[group[0].shape_key]
        tiles = min(most_tiles(width), max(1, len(group) // (parts * width)))
        length = width * tiles
        if group[0].settings["schedule"] == "plateau":
            length = min(LONGEST_QUEUE * width, max(length, -(-len(group) // parts)))
        made += [Pack(tuple(group[i : i + length]), width) for i in range(0, len(group), length)]
    return made
