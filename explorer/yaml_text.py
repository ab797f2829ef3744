"""YAML as data, with the line of every key: safe, no duplicate keys, 1e-3 is a number."""

from __future__ import annotations

import re
from typing import Any

import yaml

from explorer.errors import StudyError
from explorer.plain_text import printable

Path = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads 1e-3 as a string, 010 as 8, 1:30 as 90 and the last of two equal keys; a study means none of it."""


_TAG = "tag:yaml.org,2002:"
_STRUCTURE = {yaml.SequenceNode: f"{_TAG}seq", yaml.MappingNode: f"{_TAG}map"}

_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in (f"{_TAG}bool", f"{_TAG}null", f"{_TAG}merge")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(f"{_TAG}int", re.compile(r"^[-+]?(?:0|[1-9][0-9]{0,17})$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(
        r"^[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)

# Aliases let a few lines stand for billions of values, or for themselves.
DEEPEST = 16
MOST_NODES = 200_000


def parse(text: str, name: str) -> tuple[Any, dict[Path, int]]:
    """The document and the line of each of its nodes, by key path.

    Raises StudyError for text that is not YAML, tags that would build objects, keys given twice and keys that are
    not names.
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
        context = f"{error.context}, " if error.context else ""
        raise StudyError(f"{name}{line}: not valid YAML: {context}{error.problem}.") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = f"U+{ord(text[error.position]):04X}"
        raise StudyError(f"{name}:{line}: not valid YAML: found the character {character}, expected text.") from None
    except RecursionError:
        raise StudyError(f"{name}: nested too deeply; expected sections of values, lists and ranges.") from None


def _walk(node: yaml.Node, path: Path, lines: dict[Path, int], name: str) -> None:
    line = lines[path] = node.start_mark.line + 1
    if len(path) > DEEPEST:
        raise StudyError(f"{name}:{line}: {shown(path[:2])}: nested too deeply; expected values, lists and ranges.")
    if len(lines) > MOST_NODES:
        raise StudyError(
            f"{name}:{line}: {shown(path[:2])}: found more than {MOST_NODES:,} values, expected fewer; use a range."
        )
    _refuse_tag(node, path, name)
    _refuse_half_characters(node, line, name)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            at = f"{name}:{key.start_mark.line + 1}"
            _refuse_half_characters(key, key.start_mark.line + 1, name)
            if key.tag not in (f"{_TAG}str", f"{_TAG}merge"):
                found = (
                    f'"{printable(key.value)}" ({key.tag.removeprefix(_TAG)})'
                    if isinstance(key.value, str)
                    else "a list or mapping"
                )
                raise StudyError(f"{at}: {shown((*path, '?'))}: found {found} as a key, expected a name.")
            if key.value in seen:
                raise StudyError(f"{at}: {shown((*path, key.value))}: given twice; expected each key once.")
            seen.add(key.value)
            _walk(value, (*path, key.value), lines, name)
            lines[(*path, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            _walk(value, (*path, i), lines, name)


def _refuse_tag(node: yaml.Node, path: Path, name: str) -> None:
    """Tags build objects (!!python/object) or read one type as another; a study has no use for either."""
    plain = _STRUCTURE.get(type(node)) or _Loader("").resolve(yaml.ScalarNode, node.value, (True, False))
    if node.tag not in (plain, f"{_TAG}str"):
        tag = printable(node.tag.replace(_TAG, "!!"))
        at = f"{name}:{node.start_mark.line + 1}: {shown(path)}".removesuffix(": ")
        raise StudyError(f"{at}: found the tag {tag}, expected a plain value, list or mapping.")


def _refuse_half_characters(node: yaml.Node, line: int, name: str) -> None:
    """An escape such as "\\ud800" is half of a character: no text that can be written or hashed."""
    for character in node.value if isinstance(node, yaml.ScalarNode) else "":
        if "\ud800" <= character <= "\udfff":
            raise StudyError(f"{name}:{line}: found the character U+{ord(character):04X}, expected text.")


def shown(path: Path) -> str:
    """A key path as a user reads it, on one line: axes.sparsity[3]."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{printable(p)}" for p in path).lstrip(".")
