"""The sections of a study beside its axes: what is kept, what packs are given, and where to look next."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from explorer.architectures import architectures
from explorer.axes import Axis, Value, shown
from explorer.errors import StudyError
from explorer.grid import Written
from explorer.registry import nearest
from explorer.settings import axes_of, known_axes
from explorer.sources import sources
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
    """What a pack is given, and how many cells share one (`auto`: by shape and study).

    Every `checkpoint_seconds` (0: never) what is in training is saved beside the outcomes, so that it goes on from there
    when a worker, a node or the run is lost. `time_limit` is the seconds that a pack may go without finishing a slice of 20
    steps, compilation and evaluation included (0: for ever): what hangs longer is ended, and the cell that hangs fails alone.
    """

    cpus_per_pack: Annotated[int | float, Field(gt=0, le=4096)] = 1
    gpus_per_pack: Annotated[int | float, Field(ge=0, le=64)] = 0
    cells_per_pack: Literal["auto"] | Annotated[int, Field(ge=1, le=65536)] = "auto"
    checkpoint_seconds: Annotated[int | float, Field(ge=0, allow_inf_nan=False)] = 300
    time_limit: Annotated[int | float, Field(ge=0, allow_inf_nan=False)] = 1800


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

    `over` names settings with ranges (`{low, high, log}`) or lists of values; `budget` is the number of trials per point, the
    defaults among them, `batch` how many of them are trained at once. A pruned trial ends after a ninth or a third of the
    steps: it is a cell of so many steps.
    """

    over: dict[str, Any]
    budget: Annotated[int, Field(ge=1, le=100_000)]
    batch: Annotated[int, Field(ge=1, le=10_000)] = 4
    sampler: Literal["tpe", "gp", "cmaes", "qmc", "random"] = "tpe"
    pruner: Literal["none", "median", "successive_halving", "hyperband"] = "none"
    seed: Annotated[int, Field(ge=0)] = 0


# What samplers need beside Optuna.
NEEDS = {"cmaes": "cmaes", "gp": "torch"}
# The steps of a trial's rungs are a ninth, a third and all of those of its point.
RUNGS = (1, 3, 9)
# Settings that say what is learned, and how well it is measured: losses at several of their values do not compare.
PROBLEM = ("source", "architecture", "dimension", "rate", "seed", "distortion", "samples", "evaluation_samples")


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
                f"{at(('refine', 'along'))}: {shown(name)} is no continuous number; expected one such as sparsity."
            )
        if len(given) < 3:
            raise StudyError(f"{at(('axes', name))}: found {len(given)} values, expected at least 3 to refine between.")
    for name in section.by or ():
        if name not in values:
            raise StudyError(f"{at(('refine', 'by'))}: {_no_axis(name, values)}")
        if name in (*axes, "seed", "init"):
            raise StudyError(
                f"{at(('refine', 'by'))}: found {shown(name)}, expected axes other than along, seed and init."
            )
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
    return f"{shown(name)} is no axis of this study; expected one of {', '.join(values)}.{nearest(name, values)}"


def check_search(section: Search, values: Mapping[str, Written], at: At) -> None:
    """Refuse hyperparameters that are no settings, are given elsewhere, have no range or no effect, and what is not installed."""
    known = known_axes()
    if not section.over:
        raise StudyError(f"{at(('search', 'over'))}: found nothing, expected at least one setting with a range.")
    of_data = {axis.name for source, _ in values["source"] for axis in sources[str(source)].axes}
    for name, written in section.over.items():
        place: Path = ("search", "over", name)
        if name not in known or name == "seed":
            raise StudyError(f"{at(place)}: there is no setting {shown(name)} to search over.{nearest(name, known)}")
        if name in values:
            raise StudyError(f"{at(place)}: also given under {values[name][0][1][0]}; expected it in one place.")
        if name in PROBLEM or name in of_data:
            raise StudyError(
                f"{at(place)}: losses at several values of {name} do not compare; expected a setting of the training or the "
                "architecture, and this one under axes."
            )
        _check_range(known[name], written, place, at)
    pairs = [
        (str(source), str(architecture)) for source, _ in values["source"] for architecture, _ in values["architecture"]
    ]
    _check_effects(section, values, [{axis.name: axis for axis in axes_of(*pair)} for pair in pairs], at)
    if section.pruner != "none":
        _check_rungs(section, values, at)
    for package in ("optuna", *([NEEDS[section.sampler]] if section.sampler in NEEDS else [])):
        if find_spec(package) is None:
            place = ("search", "sampler") if package != "optuna" else ("search",)
            raise StudyError(
                f"{at(place)}: needs the package {package}, which is not installed; expected: pip install {package}."
            )


def _check_effects(section: Search, values: Mapping[str, Written], pairs: Sequence[Mapping[str, Axis]], at: At) -> None:
    """Every searched setting matters at some point, in its domain there; what hangs on one is searched over as well."""
    starts = {init for architecture, _ in values["architecture"] for init in architectures[str(architecture)].inits}
    for name, written in section.over.items():
        place: Path = ("search", "over", name)
        unknown = [value for value in written if name == "init" and value not in starts]
        if unknown:
            raise StudyError(
                f"{at(place)}: there is no start {shown(unknown[0])}; expected one of {', '.join(sorted(starts))}."
                f"{nearest(str(unknown[0]), starts)}"
            )
        having = [axes for axes in pairs if name in axes]
        if not having:
            named = " or ".join(f'{k} "{v}"' for k in ("source", "architecture") for v, _ in values[k])
            raise StudyError(f'{at(place)}: no {named} has a setting "{name}"; expected it left out.')
        for axes in having:
            for value in written if isinstance(written, list) else (written["low"], written["high"]):
                axes[name].read(value, str(at(place)))
        hindered = [_hindrance(axes[name], axes, section, values) for axes in having]
        if all(hindered):
            raise StudyError(f"{at(place)}: has no effect, because {hindered[0]} beside it.")
        if (
            isinstance(written, list)
            and len(written) < 2
            and not any(section.over.keys() & (a[name].when or {}) for a in having)
        ):
            raise StudyError(f"{at(place)}: found {shown(written)} of one value, expected at least two values.")
    for axes in pairs:
        for axis in axes.values():
            searched = [parent for parent in axis.when or {} if parent in section.over]
            if searched and axis.name not in section.over and not axis.derived:
                raise StudyError(
                    f"{at(('search', 'over', searched[0]))}: {axis.name} matters at some of its values only; expected "
                    f"{axis.name} under search.over as well (a list of one value fixes it)."
                )


def _hindrance(axis: Axis, axes: Mapping[str, Axis], section: Search, values: Mapping[str, Written]) -> str:
    """Why a searched setting changes nothing beside the values that the others take; empty where it does."""
    for parent, allowed in (axis.when or {}).items():
        written = section.over.get(parent)
        given: list[Any] = written if isinstance(written, list) else [value for value, _ in values.get(parent, [])]
        default = axes[parent].default if parent in axes else None
        if not given and default is not None:
            given = [default]
        if not any(value in allowed for value in given):
            found, wanted = (" or ".join(_plain(v) for v in several) for several in (given, allowed))
            return f"{parent} is {found or 'not there'}; expected {parent}: {wanted}"
    return ""


def _plain(value: Value) -> str:
    """A value as YAML has it, names without quotes."""
    return value if isinstance(value, str) and value else shown(value)


def _check_rungs(section: Search, values: Mapping[str, Written], at: At) -> None:
    """With a pruner there is one number of steps, and it can be divided."""
    if "steps" in section.over:
        raise StudyError(
            f"{at(('search', 'over', 'steps'))}: found beside a pruner, which chooses steps; expected one of them."
        )
    steps = values.get("steps", [])
    for value, path in steps:
        if len(steps) > 1 or float(value) < RUNGS[-1]:
            found = f"{len(steps)} values" if len(steps) > 1 else shown(value)
            raise StudyError(
                f"{at(path)}: found {found}, expected one value of at least {RUNGS[-1]} beside search.pruner."
            )


def _check_range(axis: Axis, written: object, place: Path, at: At) -> None:
    if isinstance(written, list):
        if not written:
            raise StudyError(f"{at(place)}: found an empty list, expected at least two values.")
        read = [Axis(axis.name, axis.kind).read(value, str(at((*place, i)))) for i, value in enumerate(written)]
        for i, value in enumerate(read):
            if value in read[:i]:
                raise StudyError(f"{at((*place, i))}: {shown(value)} is given twice; expected each value once.")
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
        Axis(axis.name, axis.kind).read(written[key], str(at((*place, key))))
    low, high = float(written["low"]), float(written["high"])
    if math.isinf(high):
        raise StudyError(f"{at(place)}: found high inf, expected a finite number; a list may hold inf.")
    log = written.get("log", False)
    if not isinstance(log, bool):
        raise StudyError(f"{at(place)}: log: found {shown(log)}, expected true or false.")
    if not low < high:
        raise StudyError(f"{at(place)}: found low {low:g} and high {high:g}, expected low < high.")
    if log and low <= 0:
        raise StudyError(f"{at(place)}: found low {low:g}, expected a positive number for a logarithmic range.")
