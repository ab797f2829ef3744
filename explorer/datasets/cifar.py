"""CIFAR-10's binary batches: records of one byte of label and 3 × 32 × 32 bytes of red, green and blue."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from explorer.datasets.layout import Layout, Pixels, Shape, content
from explorer.errors import StudyError

SHAPE: Shape = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32


def _choose(paths: Sequence[Path]) -> list[Path]:
    """However many batches there are, by number."""
    return sorted(paths, key=lambda p: [int(number) for number in re.findall(r"\d+", p.name)])


def _batch(path: Path) -> Pixels:
    found = content(path)
    if len(found) % RECORD:
        raise StudyError(
            f"{path}: found {len(found):,} bytes, expected a multiple of {RECORD:,} "
            "(records of 1 byte of label and 3,072 of pixels); the file is cut short or of another format."
        )
    return np.frombuffer(found, np.uint8).reshape(-1, RECORD)[:, 1:].reshape(-1, *SHAPE)


def _read(paths: Sequence[Path]) -> Pixels:
    return np.concatenate([_batch(path) for path in paths])


CIFAR = Layout(
    "CIFAR-10 binary",
    "data_batch_1.bin to data_batch_5.bin and test_batch.bin",
    re.compile(r"(?P<split>data_batch_\d+|test_batch)\.bin"),
    _choose,
    _read,
    lambda path: SHAPE,
)
