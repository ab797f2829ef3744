"""Matrices as small PNG pictures in a diverging palette, with nothing but zlib."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

# The colours of `explorer.figures.style.diverging`, to three levels of 255.
BELOW, ZERO, ABOVE = (0x26, 0x6D, 0xB4), (0xF2, 0xF1, 0xF1), (0x97, 0x5D, 0x1E)
STEPS = 63
NOT_FINITE = (0x59, 0x59, 0x59)


def palette() -> NDArray[np.uint8]:
    """The colours of −1 to 1 in equal steps, and that of what is no number."""
    ends = np.array([BELOW, ZERO, ABOVE], dtype=float)
    steps = np.linspace(-1, 1, STEPS)
    colours = np.stack([np.interp(steps, (-1, 0, 1), ends[:, band]) for band in range(3)], axis=1)
    return np.concatenate([colours.round(), [NOT_FINITE]]).astype(np.uint8)


def picture(matrix: NDArray[np.floating], limit: float = 1.0) -> bytes:
    """A PNG with one pixel an entry, row 0 on top; entries beyond ±limit have the end colours."""
    scaled = np.clip(np.asarray(matrix, dtype=float) / limit, -1, 1)
    steps = np.where(np.isfinite(scaled), np.round((scaled + 1) * (STEPS - 1) / 2), STEPS)
    rows, columns = matrix.shape
    lines = np.zeros((rows, columns + 1), dtype=np.uint8)  # each line begins with its filter, none
    lines[:, 1:] = np.nan_to_num(steps, nan=STEPS)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"PLTE", palette().tobytes()),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, *zip(*chunks, strict=True)))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def data_uri(content: bytes) -> str:
    """A picture as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
