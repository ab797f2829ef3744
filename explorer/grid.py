"""The cells of a grid: what decides a cell's settings is resolved once for all the points that agree in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter

from explorer.axes import Value
from explorer.cells import Cell, Family, Varied
from explorer.settings import axes_of, resolve_watched
from explorer.yaml_text import Path

# The values of a setting, each with the path it was written at.
Written = Sequence[tuple[Value, Path]]
# An index into the values of each setting.
Point = tuple[int, ...]


class Grid:
    """The product of the values of settings, each in its domain, source and architecture among them.

    Some settings decide: those that may change the program or the draws, and those that were read to resolve a cell.
    Points that agree in them are a family, which is resolved once, at its first point. `at(path)` prints a place.
    """

    def __init__(self, values: Mapping[str, Written], at: Callable[[Path], object]) -> None:
        self._values, self._at = values, at
        self._typed: dict[tuple[str, str, str], Varied] = {}

    def cells(self) -> Iterator[Cell]:
        """The cells in the order of the points, each once; StudyError at the first point that is none."""
        deciding, families = self._families()
        family_of = self._picker(deciding)
        seen: set[str] = set()
        for point in self._points(self._values):
            family = families[family_of(point)]
            key = family.key(point)
            if key not in seen:
                seen.add(key)
                yield family.cell(point, key)

    def firsts(self) -> list[Cell]:
        """The first cell of every family; StudyError where there is a point that is no cell."""
        _, families = self._families()
        return [family.first for family in families.values()]

    def _families(self) -> tuple[set[str], dict[object, Family]]:
        """The deciding settings, and the families by their indices."""
        deciding = self._declared()
        while True:
            pick, families = self._picker(deciding), {}
            for point in self._points(deciding):
                settings, read = self._resolve(point)
                undecided = (read & self._values.keys()) - deciding
                if undecided:
                    deciding |= undecided
                    break
                families[pick(point)] = Family(Cell(settings), self._varied(settings, deciding))
            else:
                return deciding, families

    def _declared(self) -> set[str]:
        """The settings that may change the program or the draws of a cell, by their declaration."""
        pairs = itertools.product(self._values["source"], self._values["architecture"])
        axes = (axis for (source, _), (architecture, _) in pairs for axis in axes_of(str(source), str(architecture)))
        names = {axis.name for axis in axes if axis.role in ("shape", "stream") or axis.neutral is not None}
        return names & self._values.keys()

    def _points(self, names: Iterable[str]) -> Iterator[Point]:
        """The points of the grid, with the settings that are not named at their first value."""
        names = set(names)
        return itertools.product(*(range(len(v)) if name in names else (0,) for name, v in self._values.items()))

    def _picker(self, names: set[str]) -> Callable[[Point], object]:
        return itemgetter(*(i for i, name in enumerate(self._values) if name in names))

    def _resolve(self, point: Point) -> tuple[dict[str, Value], set[str]]:
        written = {name: values[i] for (name, values), i in zip(self._values.items(), point, strict=True)}
        given = {name: value for name, (value, _) in written.items()}
        return resolve_watched(given, lambda n: self._at(written[n][1] if n in written else ("axes", n)))

    def _varied(self, settings: Mapping[str, Value], deciding: set[str]) -> list[Varied]:
        """The settings of a cell that differ within its family."""
        source, architecture = str(settings["source"]), str(settings["architecture"])
        axes = {axis.name: axis for axis in axes_of(source, architecture)}
        varied = []
        for position, (name, values) in enumerate(self._values.items()):
            if name in settings and name not in deciding and len(values) > 1:
                if (source, architecture, name) not in self._typed:
                    typed = [axes[name].read(value, self._at(path)) for value, path in values]
                    self._typed[source, architecture, name] = Varied.of(name, position, typed)
                varied.append(self._typed[source, architecture, name])
        return varied
