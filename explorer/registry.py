"""Open lists of named things: one decorator to join, one look-up that knows near misses."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any, ClassVar, Generic, TypeVar

from explorer.errors import ExplorerError, StudyError
from explorer.plain_text import printable

T = TypeVar("T")


def nearest(name: str, known: Iterable[str]) -> str:
    """A ` Did you mean "…"?` for the known name closest to `name`, or an empty string."""
    match = difflib.get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=0.5)
    return f' Did you mean "{match[0]}"?' if match else ""


def _same(first: object, second: object) -> bool:
    """Whether two members are one, perhaps from a module that was loaded again."""
    names = [(getattr(m, "__module__", None), getattr(m, "__qualname__", None)) for m in (first, second)]
    return first is second or (names[0] == names[1] and names[0][1] is not None)


class Registry(Generic[T]):
    """Named members of one kind, found in one package of ours and in installed plug-ins.

    The package's modules are imported on first use, so that adding a member is adding a file; other
    distributions join through the entry-point group `explorer.<kind>s`, single files through `explorer.plugins`.
    """

    # Every list there is in this process.
    lists: ClassVar[list[Registry[Any]]] = []

    def __init__(self, kind: str, package: str, error: type[ExplorerError] = StudyError) -> None:
        self.kind = kind
        self.package = package
        self.error = error
        self._members: dict[str, T] = {}
        # The module that registered each.
        self._origins: dict[str, str] = {}
        self._loaded = False
        Registry.lists.append(self)

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: join under `name`; a second, different member of that name is refused."""
        origin = sys._getframe(1).f_globals.get("__name__", "")

        def join(member: T) -> T:
            self._put(name, member, origin)
            return member

        return join

    def _put(self, name: str, member: T, origin: str) -> None:
        present = self._members.get(name)
        if present is not None and not _same(present, member):
            raise ExplorerError(
                f'{self.kind} "{name}" is registered twice: by {self._origins[name]} and by {origin}; expected another name.'
            )
        self._members[name], self._origins[name] = member, origin

    def forget(self, origin: str) -> dict[str, T]:
        """Take away, and return, what a module registered."""
        names = [name for name, module in self._origins.items() if module == origin]
        for name in names:
            del self._origins[name]
        return {name: self._members.pop(name) for name in names}

    def settle(self, origin: str) -> list[str]:
        """Let what a module registered meet all other members; returns its names. ExplorerError where one of them is taken."""
        joined = self.forget(origin)
        if joined:
            self.load()
        for name, member in joined.items():
            self._put(name, member, origin)
        return list(joined)

    def load(self) -> None:
        """Import every member's module, once."""
        if self._loaded:
            return
        self._loaded = True
        package = import_module(self.package)
        for module in iter_modules(package.__path__):
            import_module(f"{self.package}.{module.name}")
        for point in entry_points(group=f"explorer.{self.kind}s"):
            point.load()

    def _load_alone(self, name: str) -> None:
        """Import the module that is called like a member, which spares the others' imports where it registers that member."""
        if not self._loaded and name.isidentifier() and find_spec(f"{self.package}.{name}"):
            import_module(f"{self.package}.{name}")

    def __getitem__(self, name: str) -> T:
        if name not in self._members:
            self._load_alone(name)
        if name in self._members:
            return self._members[name]
        self.load()
        if name not in self._members:
            raise self.error(
                f'there is no {self.kind} "{printable(name)}"; expected one of {", ".join(self)}.{nearest(name, self)}'
            )
        return self._members[name]

    def __contains__(self, name: object) -> bool:
        self.load()
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        self.load()
        return iter(sorted(self._members))

    def items(self) -> Iterator[tuple[str, T]]:
        """Names with their members, in alphabetical order."""
        self.load()
        return iter(sorted(self._members.items()))
