"""Which settings a cell has, given its source and its architecture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from explorer.architectures import architectures
from explorer.axes import Axis, Choices, Interval, Value, open_closed, positive, shown
from explorer.errors import StudyError
from explorer.registry import nearest
from explorer.sources import sources

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
    Axis("schedule", "str", Choices(("constant", "linear", "cosine")), "cosine", role="shape", training=True),
    Axis("evaluation_samples", "int", Interval(2, 2**30), 32768, role="shape", training=True),
)

Where = Callable[[str], str]


def known_axes() -> dict[str, Axis]:
    """Every setting that any registered source or architecture understands, by name."""
    members = [member for _, member in (*sources.items(), *architectures.items())]
    return {axis.name: axis for axes in (COMMON_AXES, *(m.axes for m in members)) for axis in axes}


def axes_of(source: str, architecture: str) -> tuple[Axis, ...]:
    """The settings of cells with this source and architecture."""
    return (*COMMON_AXES, *sources[source].axes, *architectures[architecture].axes)


def resolve(given: Mapping[str, object], where: Where = lambda name: name) -> dict[str, Value]:
    """All settings of one cell: typed, checked against their domains, defaults filled in.

    Settings that change nothing for this cell (a `shape` beside a Rademacher base) are left out, so that equal
    cells have equal settings. `where(name)` says in an error where a setting was written.
    """
    for name, members in (("source", sources), ("architecture", architectures)):
        if name not in given:
            raise StudyError(f"{where(name)}: missing; expected one of {', '.join(members)}.")
        if given[name] not in members:
            raise StudyError(
                f"{where(name)}: there is no {name} {shown(given[name])}; expected one of {', '.join(members)}."
                f"{nearest(str(given[name]), members)}"
            )
    source, architecture = str(given["source"]), str(given["architecture"])
    settings: dict[str, Value] = {}
    for axis in _parents_first(axes_of(source, architecture)):
        if not axis.matters(settings):
            continue
        if axis.name in given:
            settings[axis.name] = axis.read(given[axis.name], where(axis.name), _owner(axis, source, architecture))
        elif axis.default is not None:
            settings[axis.name] = axis.default
        else:
            because = "".join(f" ({k}: {settings[k]} needs it)" for k in axis.when or {})
            expected = axis.domain if axis.domain is not None else "a value"
            raise StudyError(f"{where(axis.name)}: missing; expected a value in {expected}{because}.")
    inits = architectures[architecture].inits
    if settings["init"] not in inits:
        raise StudyError(
            f'{where("init")}: architecture "{architecture}" has no start {shown(settings["init"])}; '
            f"expected one of {', '.join(inits)}.{nearest(str(settings['init']), inits)}"
        )
    settings["code_dimension"] = code_dimension(float(settings["rate"]), int(settings["dimension"]))
    return settings


def code_dimension(rate: float, dimension: int) -> int:
    """n = round(r d), at least 1."""
    return max(1, round(rate * dimension))


def _parents_first(axes: Iterable[Axis]) -> list[Axis]:
    return sorted(axes, key=lambda axis: axis.when is not None)


def _owner(axis: Axis, source: str, architecture: str) -> str:
    if axis in sources[source].axes:
        return f'source "{source}"'
    if axis in architectures[architecture].axes:
        return f'architecture "{architecture}"'
    return axis.name
