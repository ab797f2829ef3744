"""Studies: a YAML file checked to the last key, and the cells it asks for."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pydantic
from pydantic import Field

from explorer import yaml_text
from explorer.axes import Axis, Value, shown
from explorer.cells import Cell
from explorer.errors import StudyError
from explorer.grid import Grid, Written
from explorer.ranges import expand
from explorer.registry import nearest
from explorer.sections import SECTIONS, Keep, Refine, Resources, Search, Section, check_refine, check_search
from explorer.settings import axes_of, code_dimension, known_axes, resolve
from explorer.sources import sources

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
LARGEST_STUDY = 1_000_000


class _Document(Section):
    name: str
    axes: dict[str, Any]
    training: dict[str, Any] = Field(default_factory=dict)
    search: Search | None = None
    refine: Refine | None = None
    keep: Keep = Keep()
    resources: Resources = Resources()


class _Place:
    """Where in a study's file something is written, looked up where a message prints it."""

    __slots__ = ("_path", "_study")

    def __init__(self, study: Study, path: yaml_text.Path) -> None:
        self._study, self._path = study, path

    def __str__(self) -> str:
        return self._study.place(self._path)


class Study:
    """A checked study. `where` is how its file is called in messages."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where
        document, self._lines = yaml_text.parse(text, where)
        if not isinstance(document, dict):
            raise StudyError(
                f"{where}: found {shown(document)}, expected a mapping with the keys {', '.join(_Document.model_fields)}."
            )
        self._document = self._checked(document)
        self.name = self._document.name
        self.keep, self.resources = self._document.keep, self._document.resources
        self.search, self.refine = self._document.search, self._document.refine
        self.values: dict[str, Written] = self._values()
        self._check_combinations()
        if self.search is not None and self.refine is not None:
            raise StudyError(
                f"{self._at(('refine',))}: found beside search; expected one of them, in studies of their own."
            )
        if self.refine is not None:
            check_refine(self.refine, self.values, self._at)
        if self.search is not None:
            check_search(self.search, self.values, self._at)

    def _at(self, path: yaml_text.Path) -> _Place:
        return _Place(self, path)

    def place(self, path: yaml_text.Path) -> str:
        """File, line and key path, as messages have them."""
        known = next((path[:i] for i in range(len(path), 0, -1) if path[:i] in self._lines), None)
        line = f":{self._lines[known]}" if known else ""
        return f"{self.where}{line}: {yaml_text.shown(path)}"

    def _checked(self, document: dict[str, Any]) -> _Document:
        try:
            checked = _Document.model_validate(document)
        except pydantic.ValidationError as error:
            unknown = (e for e in error.errors() if e["type"] == "extra_forbidden")
            raise StudyError(self._explain(next(unknown, error.errors()[0]))) from None
        if not NAME.fullmatch(checked.name):
            raise StudyError(
                f'{self._at(("name",))}: found {shown(checked.name)}, expected letters, digits, ".", "_" and "-" '
                "(it names the results directory)."
            )
        return checked

    def _explain(self, error: Any) -> str:
        path: yaml_text.Path = error["loc"][:2]  # section and key; then pydantic names the member of a union
        found, key = error["input"], str(path[-1])
        if error["type"] == "extra_forbidden":
            section: Any = SECTIONS.get(str(path[0]), _Document) if len(path) > 1 else _Document
            known = list(section.model_fields)
            hint = nearest(key, known)
            if len(path) == 1 and not hint and str(path[0]) in known_axes():
                hint = f' "{path[0]}" is a setting: write it under axes.'
            return f"{self._at(path)}: unknown key; expected one of {', '.join(known)}.{hint}"
        if error["type"] == "missing":
            expected = {
                "name": "a name for the study", "axes": "a mapping of settings to values",
                "along": "a numeric axis, or two, with the range to search in", "budget": "a number of cells",
                "over": "a mapping of settings to ranges or lists of values",
            }[key]  # fmt: skip
            return f"{self._at(path) if len(path) > 1 else f'{self.where}: {yaml_text.shown(path)}'}: missing; expected {expected}."
        if key == "cells_per_pack":
            return f'{self._at(path)}: found {shown(found)}, expected "auto" or a whole number from 1 to 65536.'
        expected = {
            "dict_type": "a mapping", "model_type": "a mapping", "string_type": "text", "bool_type": "true or false",
            "int_type": "a number", "float_type": "a number",
        }.get(error["type"], error["msg"].replace("Input should be", "a number"))  # fmt: skip
        return f"{self._at(path)}: found {shown(found)}, expected {expected}."

    def _values(self) -> dict[str, Written]:
        known = known_axes()
        values: dict[str, Written] = {}
        for section, entries in (("axes", self._document.axes), ("training", self._document.training)):
            for name, written in entries.items():
                path = (section, str(name))
                if name not in known:
                    raise StudyError(
                        f"{self._at(path)}: unknown setting; {self._settings_there_are(section, str(name))}"
                    )
                if section == "training":
                    self._check_training(known[name], written, path)
                if name in values:
                    raise StudyError(f"{self._at(path)}: also given under axes; expected it in one place.")
                values[name] = expand(known[name], written, path, self._at)
        return values

    def _settings_there_are(self, section: str, name: str) -> str:
        """What might have been meant: the nearest of all settings, and those that this study's cells have."""
        known = known_axes()
        if section == "training":
            known = {n: axis for n, axis in known.items() if axis.training}
        members = [self._document.axes.get(kind) for kind in ("source", "architecture")]
        named = [value if isinstance(value, list) else [value] for value in members]
        there = {
            axis.name
            for source, architecture in itertools.product(*named)
            if _registered(source, architecture)
            for axis in axes_of(str(source), str(architecture))
            if axis.name in known
        }
        return f"expected one of {', '.join(sorted(there or known))}.{nearest(name, known)}"

    def _check_training(self, axis: Axis, written: object, path: yaml_text.Path) -> None:
        if not axis.training:
            raise StudyError(f'{self._at(path)}: "{axis.name}" is not a training setting; write it under axes.')
        if isinstance(written, list | dict):
            raise StudyError(
                f"{self._at(path)}: found several values, expected one; to vary {axis.name}, write it under axes."
            )

    def _check_combinations(self) -> None:
        """Every value against the domain its source or architecture gives it; every setting has some effect."""
        for name in ("source", "architecture"):
            if name not in self.values:
                given = {n: values[0][0] for n, values in self.values.items()}
                resolve(
                    given, lambda n: self._at(self.values[n][0][1]) if n in self.values else f"{self.where}: axes.{n}"
                )
        unused = dict.fromkeys(self.values)
        for (source, at_source), (architecture, at_architecture) in itertools.product(
            self.values["source"], self.values["architecture"]
        ):
            probe = {"source": source, "architecture": architecture, "dimension": 1, "rate": 1.0}
            paths = {"source": at_source, "architecture": at_architecture}
            self._check_names(probe, paths)
            axes = {axis.name: axis for axis in axes_of(str(source), str(architecture))}
            for axis in axes.values():
                owner = next((f'{k} "{probe[k]}"' for k, m in self._members(probe) if axis in m.axes), axis.name)
                for value, path in self.values.get(axis.name, []):
                    axis.read(value, self._at(path), owner)
                if not self._hindered(axis, axes):
                    unused.pop(axis.name, None)
        for name in unused:
            if name in ("source", "architecture"):
                continue
            raise StudyError(f"{self._at(self.values[name][0][1][:2])}: {self._why_unused(name)}")
        if self.points > LARGEST_STUDY:
            raise StudyError(
                f"{self.where}: axes: {self.points:,} points, expected at most {LARGEST_STUDY:,}; split the study."
            )
        known = known_axes()
        # Which settings a cell needs is decided by names and switches; numbers need no more than their domain.
        numbers = ("float", "int", "count")
        laws = [sources[str(source)] for source, _ in self.values["source"]]
        of_data = {"dimension", *(axis.name for law in laws for axis in law.axes if axis.kind == "int")}
        few = {n: v[:1] if known[n].kind in numbers and n not in of_data else v for n, v in self.values.items()}
        dimensions = dict.fromkeys(int(cell.settings["dimension"]) for cell in Grid(few, self._at).firsts())
        self._check_rates(list(dimensions))

    def _check_names(self, probe: Mapping[str, Value], paths: Mapping[str, yaml_text.Path]) -> None:
        for name in ("source", "architecture"):
            resolve_name = {k: probe[k] for k in ("source", "architecture")}
            try:
                axes_of(str(resolve_name["source"]), str(resolve_name["architecture"]))
            except StudyError as error:
                if f"no {name} " in str(error):
                    raise StudyError(f"{self._at(paths[name])}: {error}") from None

    @staticmethod
    def _members(probe: Mapping[str, Value]) -> list[tuple[str, Any]]:
        from explorer.architectures import architectures

        return [("source", sources[str(probe["source"])]), ("architecture", architectures[str(probe["architecture"])])]

    def _hindered(self, axis: Axis, axes: Mapping[str, Axis]) -> dict[str, list[Value]]:
        """The settings under none of whose values, which are given with them, an axis of these has an effect."""
        found: dict[str, list[Value]] = {}
        for parent, allowed in (axis.when or {}).items():
            given = [value for value, _ in self.values.get(parent, [])]
            default = axes[parent].default if parent in axes else None
            values = given or ([default] if default is not None else [])
            if not any(value in allowed for value in values):
                found[parent] = values
        return found

    def _why_unused(self, name: str) -> str:
        for (source, _), (architecture, _) in itertools.product(self.values["source"], self.values["architecture"]):
            axes = {axis.name: axis for axis in axes_of(str(source), str(architecture))}
            if name not in axes:
                continue
            for parent, values in self._hindered(axes[name], axes).items():
                wanted = " or ".join(_bare(a) for a in (axes[name].when or {})[parent])
                given = ", ".join(map(_bare, values))
                return f"has no effect, because {parent} is {given}; expected {parent}: {wanted} beside it."
        source = ", ".join(str(v) for v, _ in self.values["source"])
        architecture = ", ".join(str(v) for v, _ in self.values["architecture"])
        return (
            f'neither source "{source}" nor architecture "{architecture}" has a setting "{name}"; expected it left out.'
        )

    def _check_rates(self, dimensions: list[int]) -> None:
        """Two rates with one code dimension would be one network under two names."""
        for dimension in dimensions:
            seen: dict[int, Value] = {}
            for rate, path in self.values.get("rate", []):
                n = code_dimension(float(rate), dimension)
                if n in seen:
                    raise StudyError(
                        f"{self._at(path)}: rates {seen[n]} and {rate} both give n = {n} at dimension {dimension}; "
                        "expected rates that differ by at least 1/dimension."
                    )
                seen[n] = rate

    @property
    def points(self) -> int:
        """Points of the grid, before those that are the same cell are counted once."""
        total = 1
        for values in self.values.values():
            total *= len(values)
        return total

    @cached_property
    def cells(self) -> list[Cell]:
        """The cells of the grid, each once, in the order of the file.

        Raises StudyError where a combination lacks a setting that it needs.
        """
        return list(Grid(self.values, self._at).cells())

    @cached_property
    def widths(self) -> dict[str, int]:
        """Slots of a pack, by shape key: a function of the study alone, so that a resumed run packs as the first did.

        Raises StudyError where a cell would take more memory than any machine is expected to have.
        """
        return self._widths(self.cells)

    def widths_of(self, cells: Sequence[Cell]) -> dict[str, int]:
        """The same for cells that were proposed: those of the grid's shapes have the grid's slots."""
        others = [cell for cell in cells if cell.shape_key not in self.widths]
        return {**self._widths(others), **self.widths}

    def _widths(self, cells: Sequence[Cell]) -> dict[str, int]:
        from explorer.training.size import pack_width

        asked, gpu = self.resources.cells_per_pack, self.resources.gpus_per_pack > 0
        counts = Counter(cell.shape_key for cell in cells)
        streams, largest = _streams_and_largest(cells)
        for cell in largest.values():
            self._check_memory(cell, gpu)
        if isinstance(asked, int):
            return dict.fromkeys(counts, asked)
        return {key: pack_width(largest[key], n, gpu, len(streams[key])) for key, n in counts.items()}

    def _check_memory(self, cell: Cell, gpu: bool) -> None:
        from explorer.training.size import CELL_BYTES, too_large

        found = too_large(cell, gpu)
        if found is None:
            return
        needed, limit = (f"{value / 2**30:,.0f} GiB" for value in (found[0], CELL_BYTES))
        name = "samples" if found[1] else "dimension"
        place = next((path for value, path in self.values.get(name, []) if value == cell.settings[name]), ("axes",))
        smaller = "fewer samples" if found[1] else "a smaller dimension, rate or batch, or narrower layers"
        raise StudyError(
            f'{self._at(place)}: a cell of architecture "{cell.settings["architecture"]}" at dimension '
            f"{cell.settings['dimension']} takes about {needed} of memory, expected at most {limit}: {smaller}."
        )


def _streams_and_largest(cells: Sequence[Cell]) -> tuple[dict[str, set[object]], dict[str, Cell]]:
    """By shape key: the streams of its cells, and a cell with the largest fixed training set."""
    streams: dict[str, set[object]] = {}
    largest: dict[str, Cell] = {}
    for cell in cells:
        known = streams.setdefault(cell.shape_key, set())
        if cell.stream not in known:
            known.add(cell.stream)
            largest[cell.shape_key] = max(largest.get(cell.shape_key, cell), cell, key=fixed_samples)
    return streams, largest


def fixed_samples(cell: Cell) -> float:
    """How many samples a cell's fixed training set has; 0 where it has none."""
    samples = float(cell.settings["samples"])
    return samples if math.isfinite(samples) else 0.0


def _bare(value: Value) -> str:
    """A value as YAML has it, names without quotes."""
    return value if isinstance(value, str) and value else shown(value)


def _registered(source: object, architecture: object) -> bool:
    from explorer.architectures import architectures

    return (
        isinstance(source, str)
        and isinstance(architecture, str)
        and source in sources
        and architecture in architectures
    )


def load_study(path: str | os.PathLike[str]) -> Study:
    """Read and check a study file.

    Raises StudyError naming the file, the line and key path, what was found, what was expected and the nearest valid
    name; nothing is trained or started before it has passed.
    """
    place = Path(path)
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError:
        there = sorted(p.name for p in place.parent.glob("*.y*ml")) if place.parent.is_dir() else []
        raise StudyError(f"{path}: no such file; expected a study in YAML.{nearest(place.name, there)}") from None
    except IsADirectoryError:
        raise StudyError(f"{path}: is a directory; expected a study in YAML.") from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: not text in UTF-8 (byte {error.start}); expected a study in YAML.") from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}.") from None
    return Study(text, str(path))
