"""Small files of images, written as their publishers write them."""

import gzip
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

SHARED = Path(__file__).parents[3] / "shared" / "data"


def shared(name, monkeypatch):
    """Make the real files of a dataset the ones that are found; skip where there are none."""
    if not (SHARED / name).is_dir():
        pytest.skip(f"no files of {name} here")
    monkeypatch.setenv("EXPLORER_DATA", str(SHARED))


def pixels(count, channels=1, side=8, height=None, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, channels, height or side, side), dtype=np.uint8)


def idx_bytes(images):
    count, _, height, width = images.shape
    return b"".join([b"\x00\x00\x08\x03", *(n.to_bytes(4, "big") for n in (count, height, width)), images.tobytes()])


def write_idx(path, images):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = idx_bytes(images)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_cifar(path, images, label=3):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(bytes([label]) + image.tobytes() for image in images))


def encoded(image, kind="PNG"):
    """One image (C, H, W) as a file's bytes."""
    sink = io.BytesIO()
    Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).save(sink, kind)
    return sink.getvalue()


def write_cells(path, cells, column="image"):
    """A Parquet file of encoded images, bytes or None."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [cell if cell is None else {"bytes": cell, "path": None} for cell in cells]
    pq.write_table(pa.table({column: pa.array(rows, kind), "label": np.zeros(len(rows), int)}), path)


def write_parquet(path, images, column="image", kind="PNG"):
    write_cells(path, [encoded(image, kind) for image in images], column)
