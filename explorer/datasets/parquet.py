"""Parquet files of encoded images, as on the Hugging Face hub: a column {bytes, path} named img or image."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from explorer.datasets.layout import Layout, Pixels, Shape, names, size
from explorer.errors import StudyError

COLUMNS = ("img", "image")
# Pillow's name of what is stored, to the one it is read as.
MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}
SHARD = re.compile(r".*-(\d{5})-of-(\d{5}).*\.parquet")


def _choose(paths: Sequence[Path]) -> list[Path]:
    """The files of a split by name; where they are numbered shards, all of one set."""
    ordered = sorted(paths)
    numbers = [tuple(map(int, m.groups())) if (m := SHARD.fullmatch(p.name)) else None for p in ordered]
    if not any(numbers):
        return ordered
    total = next(n[1] for n in numbers if n)
    if numbers != [(i, total) for i in range(total)]:
        raise StudyError(
            f"{paths[0].parent}: found {names(ordered)}, expected the {total} shards of one split, each once, and no other."
        )
    return ordered


def _opened(path: Path) -> tuple[pq.ParquetFile, str]:
    """The file and its image column."""
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise StudyError(f"{path}: cannot be read as Parquet: {error}") from error
    columns = [c for c in file.schema_arrow if c.name in COLUMNS]
    if len(columns) != 1 or not _holds_bytes(columns[0].type):
        found = ", ".join(f"{c.name} ({c.type})" for c in file.schema_arrow) or "no columns"
        raise StudyError(
            f"{path}: found {found}, expected one image column, a struct {{bytes, path}} named {' or '.join(COLUMNS)}."
        )
    if not file.metadata.num_rows:
        raise StudyError(f"{path}: found no rows, expected images.")
    return file, columns[0].name


def _holds_bytes(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind):
        return False
    index = kind.get_field_index("bytes")
    return index >= 0 and (pa.types.is_binary(kind[index].type) or pa.types.is_large_binary(kind[index].type))


def _decode(encoded: bytes | None, where: str) -> Pixels:
    """(channel, height, width) of a PNG or JPEG."""
    if encoded is None:
        raise StudyError(f"{where}: found no bytes, expected an encoded image.")
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            mode = image.mode
            pixels = np.asarray(image.convert(MODES[mode])) if mode in MODES else None
    except Exception as error:  # a damaged file can raise almost anything in a decoder
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StudyError(
            f"{where}: cannot be decoded: {re.sub(r' <.*>', '', reason)}; expected PNG or JPEG."
        ) from error
    if pixels is None:
        raise StudyError(f"{where}: found an image of mode {mode}, expected 8-bit grey (L) or colour (RGB).")
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _images(path: Path) -> Iterator[tuple[str, Pixels]]:
    """Each image with where it was found."""
    file, column = _opened(path)
    row = 0
    try:
        with file:
            for batch in file.iter_batches(batch_size=1024, columns=[column]):
                for cell in batch.column(column).to_pylist():
                    where = f"{path}: row {row}"
                    yield where, _decode((cell or {}).get("bytes"), where)
                    row += 1
    except (pa.ArrowException, OSError) as error:
        raise StudyError(f"{path}: cannot be read as Parquet: {error}") from error


def _rows(path: Path) -> int:
    file, _ = _opened(path)
    with file:
        return file.metadata.num_rows


def _read(paths: Sequence[Path]) -> Pixels:
    shape = _shape(paths[0])
    images = np.empty((sum(map(_rows, paths)), *shape), np.uint8)
    filled = 0
    for path in paths:
        for where, image in _images(path):
            if image.shape != shape:
                raise StudyError(
                    f"{where}: found an image of {size(image.shape)}, expected {size(shape)} like the first."
                )
            images[filled] = image
            filled += 1
    return images


def _shape(path: Path) -> Shape:
    _, image = next(_images(path))
    channels, height, width = image.shape
    return channels, height, width


PARQUET = Layout(
    "Parquet",
    "train*.parquet and test*.parquet with a column img or image",
    re.compile(r"(?P<split>train|test).*\.parquet"),
    _choose,
    _read,
    _shape,
)
