"""IDX files of grey images, as MNIST and Fashion-MNIST are published: a header of 16 bytes, then one byte per pixel."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from explorer.datasets.layout import Layout, Pixels, Shape, content, names
from explorer.errors import StudyError

# Two zero bytes, the type (unsigned byte), the number of dimensions.
MAGIC = b"\x00\x00\x08\x03"
HEADER = 16
GZIP = b"\x1f\x8b"


def _choose(paths: Sequence[Path]) -> list[Path]:
    """The one file of a split; of the same file compressed and not, the latter."""
    if len({p.name.removesuffix(".gz").replace(".", "-") for p in paths}) > 1:
        raise StudyError(f"{paths[0].parent}: found {names(paths)}, expected one file of images per split.")
    return sorted(paths, key=lambda p: (p.suffix == ".gz", p.name))[:1]


def _dimensions(header: bytes, path: Path) -> tuple[int, int, int]:
    """Images, rows and columns, each at least 1."""
    if header[:4] != MAGIC:
        raise StudyError(
            f"{path}: found the magic number 0x{header[:4].hex()}, expected 0x{MAGIC.hex()} "
            "(IDX, unsigned bytes, 3 dimensions)."
        )
    if len(header) < HEADER:
        raise StudyError(f"{path}: found a header of {len(header)} bytes, expected {HEADER}; the file is cut short.")
    count, height, width = (int.from_bytes(header[i : i + 4], "big") for i in (4, 8, 12))
    if 0 in (count, height, width):
        raise StudyError(f"{path}: found {count} images of {height} × {width}, expected at least one pixel.")
    return count, height, width


def _unpacked(path: Path) -> bytes:
    found = content(path)
    if not found.startswith(GZIP):
        return found
    try:
        return gzip.decompress(found)
    except (OSError, EOFError, zlib.error) as error:
        raise StudyError(f"{path}: found damaged gzip data ({error}), expected a whole IDX file.") from error


def _read(paths: Sequence[Path]) -> Pixels:
    path = paths[0]
    found = _unpacked(path)
    count, height, width = _dimensions(found[:HEADER], path)
    expected = HEADER + count * height * width
    if len(found) != expected:
        raise StudyError(
            f"{path}: found {len(found):,} bytes, expected {expected:,} for {count:,} images of {height} × {width}."
        )
    return np.frombuffer(found, np.uint8, offset=HEADER).reshape(count, 1, height, width)


def _head(path: Path) -> bytes:
    """The first bytes, with no more unpacked than these."""
    try:
        with open(path, "rb") as stream:
            found = stream.read(4096)
        return zlib.decompressobj(wbits=31).decompress(found, HEADER) if found.startswith(GZIP) else found[:HEADER]
    except (OSError, zlib.error) as error:
        raise StudyError(f"{path}: cannot be read: {error}") from error


def _shape(path: Path) -> Shape:
    head = _head(path)
    if not head:
        content(path)
    return 1, *_dimensions(head, path)[1:]


IDX = Layout(
    "IDX",
    "train-images-idx3-ubyte[.gz] and t10k-images-idx3-ubyte[.gz]",
    re.compile(r"(?:.*-)?(?P<split>train|t10k|test)-images[-.]idx3-ubyte(?:\.gz)?"),
    _choose,
    _read,
    _shape,
)
