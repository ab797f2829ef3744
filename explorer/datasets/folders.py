"""Where a dataset lies, and which of its files hold images."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from explorer.datasets.cifar import CIFAR
from explorer.datasets.idx import IDX
from explorer.datasets.layout import Layout, names
from explorer.datasets.parquet import PARQUET
from explorer.errors import StudyError
from explorer.registry import nearest

BUILT_IN = "digits"
VARIABLE = "EXPLORER_DATA"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
LAYOUTS = (IDX, CIFAR, PARQUET)
EXPECTED = "; ".join(f"{layout.name} ({layout.expected})" for layout in LAYOUTS)


@dataclass(frozen=True)
class Contents:
    """The image files of a folder, in order, and what they looked like when they were found."""

    layout: Layout
    train: tuple[Path, ...]
    test: tuple[Path, ...]
    stamp: tuple[tuple[int, int], ...]


def _roots() -> list[Path]:
    given = os.environ.get(VARIABLE)
    roots = [given] if given else ["data", "~/.cache/explorer"]
    return [Path(os.path.abspath(os.path.expanduser(root))) for root in roots]


def _known() -> list[str]:
    folders = (entry.name for root in _roots() if root.is_dir() for entry in root.iterdir() if entry.is_dir())
    return sorted({BUILT_IN, *folders})


def find(dataset: str) -> Path | None:
    """The folder of a dataset; None for `digits`, which is built in.

    Where EXPLORER_DATA is set, the folder lies there and nowhere else; otherwise in data under the working directory,
    or else in ~/.cache/explorer. Raises StudyError where there is none.
    """
    if dataset == BUILT_IN:
        return None
    if not NAME.fullmatch(dataset):
        raise StudyError(
            f'dataset "{dataset}": expected "{BUILT_IN}", or the name of a folder in letters, digits, ".", "_" and "-".'
        )
    places = [root / dataset for root in _roots()]
    for place in places:
        if place.is_dir():
            return place
    raise StudyError(
        f'dataset "{dataset}": found no such folder; looked for {" and ".join(map(str, places))}. Expected one with '
        f"{EXPECTED}. Put the files into {places[0]}, or set {VARIABLE} to the folder above theirs."
        f"{nearest(dataset, _known())}"
    )


def _visible(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))


def contents(folder: Path) -> Contents:
    """The image files of a folder or of one folder in it; StudyError where there are none, or of two kinds."""
    try:
        places = [folder, *(path for path in _visible(folder) if path.is_dir())]
        files = {place: [path for path in _visible(place) if path.is_file()] for place in places}
    except OSError as error:
        raise StudyError(f"{folder}: cannot be read: {error}") from error
    found = [(place, layout) for place in places for layout in LAYOUTS if any(map(layout.split, files[place]))]
    if not found:
        present = [path for place in places for path in files[place]]
        raise StudyError(f"{folder}: found {names(present) or 'no files'}, expected {EXPECTED}.")
    if len(found) > 1:
        shown = " and ".join(f"{layout.name} files in {place}" for place, layout in found)
        raise StudyError(f"{folder}: found {shown}, expected one kind in one place.")
    place, layout = found[0]
    return _chosen(layout, files[place])


def _chosen(layout: Layout, files: list[Path]) -> Contents:
    splits = {split: [path for path in files if layout.split(path) == split] for split in ("train", "test")}
    train, test = (tuple(layout.choose(paths)) if paths else () for paths in splits.values())
    stats = [path.stat() for path in (*train, *test)]
    return Contents(layout, train, test, tuple((s.st_size, s.st_mtime_ns) for s in stats))
