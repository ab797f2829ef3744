"""What the kinds of image files have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from explorer.errors import StudyError

# Channels, height, width.
Shape = tuple[int, int, int]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Layout:
    """One kind of image files.

    `pattern` matches the whole name of a file with images; its group `split` starts with t10k or test for test images.
    `choose` orders the files of one split, or refuses them; `read` returns (image, channel, height, width) in [0, 255];
    `shape` is that of one image, from the head of a file.
    """

    name: str
    expected: str
    pattern: re.Pattern[str]
    choose: Callable[[Sequence[Path]], list[Path]]
    read: Callable[[Sequence[Path]], Pixels]
    shape: Callable[[Path], Shape]

    def split(self, path: Path) -> str | None:
        """`train` or `test`; None for a file without images."""
        match = self.pattern.fullmatch(path.name)
        if match is None:
            return None
        return "test" if match["split"].startswith(("t10k", "test")) else "train"


def content(path: Path) -> bytes:
    """The bytes of a file; StudyError where it is empty or cannot be read."""
    try:
        found = path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not found:
        raise StudyError(f"{path}: found an empty file, expected images.")
    return found


def names(paths: Sequence[Path]) -> str:
    """File names for a message: the first eight, and how many more."""
    shown = ", ".join(p.name for p in paths[:8])
    return f"{shown} and {len(paths) - 8} more" if len(paths) > 8 else shown


def size(shape: Shape) -> str:
    """A shape for a message, such as `28 × 28 grey`."""
    channels, height, width = shape
    return f"{height} × {width} {'colour' if channels == 3 else 'grey'}"
