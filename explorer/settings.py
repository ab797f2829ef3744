"""Which settings a cell has, given its source and its architecture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import lru_cache

from explorer.architectures import Architecture, architectures
from explorer.axes import Axis, Choices, Interval, Value, open_closed, positive, shown
from explorer.errors import StudyError
from explorer.objectives import DISTORTIONS
from explorer.registry import nearest
from explorer.sources import Source, sources

LARGEST_SEED = 2**31 - 1

# Evidence for the defaults: docs/decisions/0001-default-training-settings.md
COMMON_AXES: tuple[Axis, ...] = (
    Axis("source", "str", None, role="shape"),
    Axis("architecture", "str", None, role="shape"),
    Axis("dimension", "int", Interval(1, 65536), role="shape"),
    Axis("rate", "float", open_closed(0, 64), role="instance"),
    Axis("init", "str", None, "random", role="instance"),
    Axis("seed", "int", Interval(0, LARGEST_SEED), 0, role="instance"),
    Axis("steps", "int", Interval(1, 10**9), 3000, role="shape", training=True),
    Axis("batch", "int", Interval(1, 2**20), 256, role="shape", training=True),
    Axis("optimizer", "str", Choices(("adam", "sgd")), "adam", role="shape", training=True),
    Axis("learning_rate", "float", positive(), 0.02, training=True),
    Axis("schedule", "str", Choices(("constant", "linear", "cosine", "plateau")), "cosine", role="shape",
         training=True),
    Axis("tolerance", "float", Interval(0, 1, low_closed=False, high_closed=False), 0.003, role="instance",
         when={"schedule": ("plateau",)}, training=True),
    Axis("evaluation_samples", "int", Interval(2, 2**30), 32768, role="shape", training=True),
    Axis("distortion", "str", Choices(tuple(DISTORTIONS)), "squared_error", role="shape", training=True,
         neutral="squared_error"),
    Axis("samples", "count", Interval(1, math.inf), math.inf, role="stream", training=True, neutral=math.inf),
    Axis("weight_bits", "count", Interval(1, math.inf), math.inf, training=True, neutral=math.inf),
)  # fmt: skip

# Where a setting was written, as a message prints it.
Where = Callable[[str], object]


def known_axes() -> dict[str, Axis]:
    """Every setting that any registered source or architecture understands, by name."""
    members = [member for _, member in (*sources.items(), *architectures.items())]
    return {a.name: a for axes in (*(m.axes for m in members), COMMON_AXES) for a in axes if not a.derived}


def axes_of(source: str, architecture: str) -> tuple[Axis, ...]:
    """The settings of cells with this source and architecture, each after those that its `when` names."""
    return _ordered(sources[source], architectures[architecture])


@lru_cache(maxsize=4096)
def _owners(source: type[Source], architecture: type[Architecture]) -> dict[str, str]:
    """Whether a setting's domain is the source's or the architecture's; those of neither are left out."""
    members = (("architecture", architecture), ("source", source))
    return {axis.name: kind for axis in _ordered(source, architecture) for kind, m in members if axis in m.axes}


@lru_cache(maxsize=4096)
def _ordered(source: type[Source], architecture: type[Architecture]) -> tuple[Axis, ...]:
    waiting = {axis.name: axis for axis in (*source.axes, *architecture.axes, *COMMON_AXES)}
    ordered: list[Axis] = []
    while waiting:
        ready = [axis for axis in waiting.values() if not waiting.keys() & (axis.when or {}).keys()]
        if not ready:
            raise ValueError(f"the settings {', '.join(waiting)} wait for each other")
        ordered += ready
        for axis in ready:
            del waiting[axis.name]
    return tuple(ordered)


def resolve(given: Mapping[str, object], where: Where = lambda name: name) -> dict[str, Value]:
    """All settings of one cell: typed, checked against their domains, defaults filled in.

    Settings that change nothing for this cell (a `shape` beside a Rademacher base) are left out, so that equal
    cells have equal settings. `where(name)` says in an error where a setting was written.
    """
    settings: dict[str, Value] = {}
    _resolve(settings, given, where)
    return settings


class _Watched(MutableMapping[str, Value]):
    """Settings that note whose values are read. Which names there are follows from values read before."""

    def __init__(self) -> None:
        self.settings: dict[str, Value] = {}
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Value:
        self.read.add(name)
        return self.settings[name]

    def __setitem__(self, name: str, value: Value) -> None:
        self.settings[name] = value

    def __delitem__(self, name: str) -> None:
        del self.settings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.settings)

    def __len__(self) -> int:
        return len(self.settings)


def resolve_watched(given: Mapping[str, object], where: Where) -> tuple[dict[str, Value], set[str]]:
    """What `resolve` returns, and the names of the settings that decided it.

    Cells that agree in these have the same settings, but for the values of the others.
    """
    watched = _Watched()
    _resolve(watched, given, where)
    return watched.settings, watched.read


def _resolve(settings: MutableMapping[str, Value], given: Mapping[str, object], where: Where) -> None:
    for name, members in (("source", sources), ("architecture", architectures)):
        if name not in given:
            raise StudyError(f"{where(name)}: missing; expected one of {', '.join(members)}.")
        if given[name] not in members:
            raise StudyError(
                f"{where(name)}: there is no {name} {shown(given[name])}; expected one of {', '.join(members)}."
                f"{nearest(str(given[name]), members)}"
            )
    source, architecture = str(given["source"]), str(given["architecture"])
    owners = _owners(sources[source], architectures[architecture])
    for axis in axes_of(source, architecture):
        if axis.derived or not axis.matters(settings):
            continue
        if axis.name in given:
            owner = owners.get(axis.name)
            whose = f'{owner} "{given[owner]}"' if owner else axis.name
            settings[axis.name] = axis.read(given[axis.name], where(axis.name), whose)
        elif axis.default is not None:
            settings[axis.name] = axis.default
        elif axis.name != "dimension":
            because = "".join(f" ({k}: {settings[k]} needs it)" for k in axis.when or {})
            expected = axis.domain if axis.domain is not None else "a value"
            raise StudyError(f"{where(axis.name)}: missing; expected a value in {expected}{because}.")
    inits = architectures[architecture].inits
    if settings["init"] not in inits:
        raise StudyError(
            f'{where("init")}: architecture "{architecture}" has no start {shown(settings["init"])}; '
            f"expected one of {', '.join(inits)}.{nearest(str(settings['init']), inits)}"
        )
    _imply(settings, given, where)
    settings["code_dimension"] = code_dimension(float(settings["rate"]), int(settings["dimension"]))
    for name, member in (("source", sources[source]), ("architecture", architectures[architecture])):
        refused = member.refusal(settings)
        if refused is not None:
            raise StudyError(f'{where(refused[0])}: {refused[1]} ({name} "{settings[name]}").')
    if settings["distortion"] == "cross_entropy" and not sources[source].unit_interval(settings):
        raise StudyError(
            f'{where("distortion")}: cross_entropy needs data in [0, 1], and source "{source}" has others; '
            "expected squared_error, or images with scaling: none."
        )
    if settings["schedule"] == "plateau" and "final_temperature" in settings:
        raise StudyError(
            f"{where('schedule')}: plateau has no length that is known beforehand, and surrogate annealed needs one; "
            "expected constant, linear or cosine."
        )
    if settings.get("refit") and settings["distortion"] != "squared_error":
        raise StudyError(
            f"{where('refit')}: least squares fit a reconstruction, and those of {settings['distortion']} are logits; "
            "expected refit: false."
        )


def _imply(settings: MutableMapping[str, Value], given: Mapping[str, object], where: Where) -> None:
    """Add what follows from the other settings, which may be written only as it is."""
    source = str(settings["source"])
    try:
        implied = sources[source].implied(settings)
    except StudyError as error:
        raise StudyError(
            f"{where(sources[source].named_by if sources[source].named_by in given else 'source')}: {error}"
        ) from None
    for name, value in implied.items():
        if name in settings and settings[name] != value:
            raise StudyError(
                f'{where(name)}: found {shown(settings[name])}, expected {shown(value)}, which source "{source}" has here.'
            )
        settings[name] = value
    if "dimension" not in settings:
        axis = next(a for a in COMMON_AXES if a.name == "dimension")
        raise StudyError(f"{where('dimension')}: missing; expected a value in {axis.domain}.")


def code_dimension(rate: float, dimension: int) -> int:
    """n = round(r d), at least 1."""
    return max(1, round(rate * dimension))
