"""The sections of a study beside its axes: what is kept, what packs are given, and where to look next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from explorer.axes import Axis, shown
from explorer.errors import StudyError
from explorer.grid import Written
from explorer.registry import nearest
from explorer.settings import known_axes
from explorer.yaml_text import Path

At = Callable[[Path], object]

# Where a resolution is not given, a tolerance is this many steps.
STEPS_PER_TOLERANCE = 2
# A second axis, which has no tolerance, is this many steps wide.
STEPS_ACROSS = 64


class Section(BaseModel):
    """A mapping with known keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Keep(Section):
    """What is kept beside the outcomes."""

    curves: bool = False
    minimizers: bool = False


class Resources(Section):
    """What a pack is given, and how many cells share one (`auto`: by shape and study)."""

    cpus_per_pack: Annotated[int | float, Field(gt=0, le=4096)] = 1
    gpus_per_pack: Annotated[int | float, Field(ge=0, le=64)] = 0
    cells_per_pack: Literal["auto"] | Annotated[int, Field(ge=1, le=65536)] = "auto"


class Refine(Section):
    """Where the phase changes, to a tolerance: new cells where the outcomes leave it open.

    `along` is the axis of the boundary, or two; `order` tells the phases apart, at `threshold` (default: half-way between its
    plateaus); `budget` is how many cells may be added to the grid, `batch` how many a round adds (`auto`: what the machine
    trains at a time); `by` are the axes that have a boundary each (default: all others that vary, but seeds and starts).
    New points are multiples of `resolution` from the low end of the axis, and get as many seeds as `seeds` says at first.
    """

    along: str | list[str]
    order: str = "localization"
    threshold: float | None = None
    tolerance: Annotated[int | float, Field(gt=0)] = 0.01
    budget: Annotated[int, Field(ge=1, le=1_000_000)]
    batch: Literal["auto"] | Annotated[int, Field(ge=1, le=65536)] = "auto"
    by: list[str] | None = None
    proposer: str = "boundary"
    resolution: float | list[float] | None = None
    seeds: Annotated[int, Field(ge=1, le=1000)] = 2

    @property
    def axes(self) -> list[str]:
        """The axes of the boundary."""
        return [self.along] if isinstance(self.along, str) else list(self.along)


class Search(Section):
    """Which hyperparameters to trust: Optuna looks for the lowest loss at every point of the grid.

    `over` names settings with ranges (`{low, high, log}`) or lists of values; `budget` is the number of trials per point,
    `batch` how many of them are trained at once.
    """

    over: dict[str, Any]
    budget: Annotated[int, Field(ge=1, le=100_000)]
    batch: Annotated[int, Field(ge=1, le=10_000)] = 4
    sampler: Literal["tpe", "gp", "cmaes", "qmc", "random"] = "tpe"
    pruner: Literal["none", "median", "successive_halving", "hyperband"] = "none"
    seed: Annotated[int, Field(ge=0)] = 0


SECTIONS: dict[str, type[Section]] = {"keep": Keep, "resources": Resources, "refine": Refine, "search": Search}


def check_refine(section: Refine, values: Mapping[str, Written], at: At) -> None:
    """Refuse what cannot be refined: names that are no axes of the study, ranges without room."""
    from explorer.observables import observables

    axes = section.axes
    if not 1 <= len(axes) <= 2 or len(set(axes)) < len(axes):
        raise StudyError(
            f"{at(('refine', 'along'))}: found {shown(section.along)}, expected one axis, or two different ones."
        )
    known = known_axes()
    for name in axes:
        given = [value for value, _ in values.get(name, [])]
        if name not in values:
            raise StudyError(f"{at(('refine', 'along'))}: {_no_axis(name, values)}")
        if known[name].kind != "float" or name == "seed":
            raise StudyError(
                f'{at(("refine", "along"))}: "{name}" is no continuous number; expected one such as sparsity.'
            )
        if len(given) < 3:
            raise StudyError(f"{at(('axes', name))}: found {len(given)} values, expected at least 3 to refine between.")
    for name in section.by or ():
        if name not in values:
            raise StudyError(f"{at(('refine', 'by'))}: {_no_axis(name, values)}")
        if name in (*axes, "seed", "init"):
            raise StudyError(f'{at(("refine", "by"))}: found "{name}", expected axes other than along, seed and init.')
    if section.order not in observables:
        raise StudyError(
            f'{at(("refine", "order"))}: there is no observable "{section.order}"; expected one of {", ".join(observables)}.'
            f"{nearest(section.order, observables)}"
        )
    steps = section.resolution if isinstance(section.resolution, list) else [section.resolution] * len(axes)
    if len(steps) != len(axes) or any(step is not None and not step > 0 for step in steps):
        raise StudyError(
            f"{at(('refine', 'resolution'))}: found {shown(section.resolution)}, expected a positive number for each axis."
        )


def _no_axis(name: str, values: Mapping[str, Written]) -> str:
    return f'"{name}" is no axis of this study; expected one of {", ".join(values)}.{nearest(name, values)}'


def check_search(section: Search, values: Mapping[str, Written], at: At) -> None:
    """Refuse hyperparameters that are no settings, are given elsewhere, or have no range."""
    known = known_axes()
    if not section.over:
        raise StudyError(f"{at(('search', 'over'))}: found nothing, expected at least one setting with a range.")
    for name, written in section.over.items():
        place: Path = ("search", "over", name)
        if name not in known or name == "seed":
            raise StudyError(f'{at(place)}: there is no setting "{name}" to search over.{nearest(name, known)}')
        if name in values:
            raise StudyError(f"{at(place)}: also given under {values[name][0][1][0]}; expected it in one place.")
        _check_range(known[name], written, place, at)


def _check_range(axis: Axis, written: object, place: Path, at: At) -> None:
    if isinstance(written, list):
        if len(written) < 2:
            raise StudyError(f"{at(place)}: found {shown(written)}, expected at least two values.")
        for value in written:
            axis.read(value, str(at(place)))
        return
    if not isinstance(written, dict) or axis.kind not in ("float", "int", "count"):
        expected = "{low: …, high: …}" if axis.kind in ("float", "int", "count") else "a list of values"
        raise StudyError(f"{at(place)}: found {shown(written)}, expected {expected}.")
    for key in written:
        if key not in ("low", "high", "log"):
            raise StudyError(
                f"{at(place)}: unknown key {shown(key)}; expected low, high, log.{nearest(str(key), ('low', 'high', 'log'))}"
            )
    for key in ("low", "high"):
        if key not in written:
            raise StudyError(f"{at(place)}: {key} is missing; expected {{low: …, high: …}}.")
        axis.read(written[key], str(at(place)))
    low, high = float(written["low"]), float(written["high"])
    log = written.get("log", False)
    if not isinstance(log, bool):
        raise StudyError(f"{at(place)}: log: found {shown(log)}, expected true or false.")
    if not low < high:
        raise StudyError(f"{at(place)}: found low {low:g} and high {high:g}, expected low < high.")
    if log and low <= 0:
        raise StudyError(f"{at(place)}: found low {low:g}, expected a positive number for a logarithmic range.")
