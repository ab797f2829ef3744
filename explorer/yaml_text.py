"""YAML as data, with the line of every key: safe, no duplicate keys, 1e-3 is a number."""

from __future__ import annotations

import re
from typing import Any

import yaml

from explorer.errors import StudyError

Path = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads 1e-3 as a string and the last of two equal keys; neither is what a study means."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


def parse(text: str, name: str) -> tuple[Any, dict[Path, int]]:
    """The document and the line of each of its nodes, by key path.

    Raises StudyError for text that is not YAML, tags that would build objects, and keys given twice.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            lines: dict[Path, int] = {}
            if node is None:
                return None, lines
            _walk(node, (), lines, name)
            return loader.construct_document(node), lines
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        context = f" ({error.context})" if error.context else ""
        raise StudyError(f"{name}{line}: not valid YAML: {error.problem}{context}.") from None
    except yaml.YAMLError as error:
        raise StudyError(f"{name}: not valid YAML: {error}") from None
    except RecursionError:
        raise StudyError(f"{name}: not a study: nested too deeply.") from None


def _walk(node: yaml.Node, path: Path, lines: dict[Path, int], name: str) -> None:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise StudyError(f"{name}:{line}: {shown((*path, key.value))}: given twice; expected each key once.")
            seen.add(key.value)
            _walk(value, (*path, key.value), lines, name)
            lines[(*path, key.value)] = line
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            _walk(value, (*path, i), lines, name)


def shown(path: Path) -> str:
    """A key path as a user reads it: axes.sparsity[3]."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")
