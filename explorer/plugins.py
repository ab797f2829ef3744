"""Plug-ins: a user's own files that join the lists. They are code, and run with all rights of whoever loads them."""

from __future__ import annotations

import hashlib
import os
import sys
import traceback
from dataclasses import dataclass
from importlib.abc import SourceLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

from explorer.errors import ExplorerError
from explorer.plain_text import printable
from explorer.registry import Registry, nearest


@dataclass(frozen=True, slots=True)
class Plugin:
    """One file as it was read: a run sends these bytes to its workers, so that they load what its driver has loaded."""

    path: str
    content: bytes

    @property
    def digest(self) -> str:
        """12 hexadecimal digits that name the content."""
        return hashlib.sha256(self.content).hexdigest()[:12]

    @property
    def module(self) -> str:
        """The name under which Python knows it."""
        return f"explorer_plugin_{self.digest}"

    def __str__(self) -> str:
        return f"{Path(self.path).name}:{self.digest}"

    def load(self) -> None:
        """Execute the file and join what it registers; nothing where the same content is loaded already.

        Raises ExplorerError where it raises, takes a name that is taken, or registers nothing; the lists are then as before.
        """
        if self.digest in _LOADED:
            return
        spec = spec_from_loader(self.module, _Content(self), origin=self.path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[self.module] = module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
            joined = [members.settle(self.module) for members in Registry.lists]
            if not any(joined):
                raise ExplorerError('it registers nothing; expected a line such as @sources.register("name").')
        except Exception as error:
            del sys.modules[self.module]
            for members in Registry.lists:
                members.forget(self.module)
            raise ExplorerError(f"plug-in {self._where(error)}: {self._why(error)}") from error
        _LOADED[self.digest] = self

    def _where(self, error: Exception) -> str:
        """The file, with the line that raised where there is one."""
        line = error.lineno if isinstance(error, SyntaxError) and error.filename == self.path else None
        if line is None:
            frames = traceback.extract_tb(error.__traceback__)
            line = next((frame.lineno for frame in reversed(frames) if frame.filename == self.path), None)
        return printable(self.path) + (f":{line}" if line else "")

    def _why(self, error: Exception) -> str:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        text = message.replace(self.module, "this plug-in")
        return text if isinstance(error, ExplorerError) else printable(f"{type(error).__name__}: {text}")


class _Content(SourceLoader):
    """Python's own loader, of bytes that were read before; it writes no cache beside the file."""

    def __init__(self, plugin: Plugin) -> None:
        self.plugin = plugin

    def get_filename(self, fullname: str) -> str:
        return self.plugin.path

    def get_data(self, path: str) -> bytes:
        return self.plugin.content


_LOADED: dict[str, Plugin] = {}


def load_plugin(path: str | os.PathLike[str]) -> Plugin:
    """Load a Python file whose sources, architectures, observables, estimators, proposers or figures join the lists.

    They are known in this process from then on, and in the workers of every run that it starts: these are sent the file's bytes.
    A plug-in is one file, which may import what is installed on every node. Rows name it, with its digest, in the column `plugins`;
    cell keys do not: after a change that changes outcomes, register under another name, or use another store.
    Raises ExplorerError where the file is missing, raises, takes a name that is taken, or registers nothing.
    """
    found = Path(path)
    try:
        plugin = Plugin(str(found), found.read_bytes())
    except OSError as error:
        others = [str(found.with_name(other.name)) for other in found.parent.glob("*.py")]
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise ExplorerError(
            f"plug-in {printable(str(found))}: {reason}; expected a Python file.{nearest(str(found), others)}"
        ) from None
    plugin.load()
    return plugin


def loaded() -> tuple[Plugin, ...]:
    """The plug-ins that were loaded in this process, in that order."""
    return tuple(_LOADED.values())


def described() -> str | None:
    """`file:digest` of every plug-in that was loaded, as rows have it; None where there is none."""
    return " ".join(map(str, loaded())) or None
