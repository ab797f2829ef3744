"""What a page shows of one cell: its encoder as a picture, its training curve, where and when it was made."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.analysis.encoders import sort_encoder
from explorer.report.columns import SEED, Cells, group, plain
from explorer.report.png import data_uri, picture
from explorer.store import Store

ENCODER = "encoder"
LARGEST_SIDE = 256
MOST_CURVE_POINTS = 100
LONGEST_ERROR = 4000
MADE = ("host", "device", "finished_at", "explorer_version", "torch_version", "git_revision")
# Numbers of minimizers, and cells, that are read at a time.
READ_NUMBERS, READ_CELLS = 2**23, 4096


@dataclass(frozen=True, slots=True)
class Embedded:
    """Details by cell key, and what stayed outside: how many cells have details, how many have an encoder, of how many."""

    details: dict[str, dict[str, Any]]
    cells: int
    encoders: int
    kept_encoders: int
    kept_curves: int


def details(store: Store, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The details of these cells, by key; a key that no cell has is left out."""
    named = ", ".join(f"'{key}'" for key in keys if key.isalnum())
    if not named:
        return {}
    made = [name for name in MADE if name in store.schema.names]
    rows = store.sql(
        f"SELECT {', '.join(('cell_key', 'error', *made))} FROM cells WHERE cell_key IN ({named})"
    ).to_pylist()
    found = {row["cell_key"]: _made(row, made) for row in rows}
    for key, steps, losses in _curves(store, named):
        if key in found:
            found[key]["curve"] = _thinned(steps, losses)
    matrices = store.sql(
        f"SELECT cell_key, rows, columns, \"values\" FROM minimizers WHERE name = '{ENCODER}' AND cell_key IN ({named})"
    )
    flat = matrices.column("values")
    for number, (key, height, width) in enumerate(
        zip(*(matrices.column(i).to_pylist() for i in range(3)), strict=True)
    ):
        values = np.asarray(flat[number].values.to_numpy(zero_copy_only=False), dtype=np.float32)
        if key in found and height * width == len(values) > 0:
            found[key]["encoder"] = _encoder(values.reshape(height, width))
    return found


def _made(row: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    said = {name: plain(row[name]) for name in names}
    if said.get("finished_at") is not None:
        said["finished_at"] = f"{row['finished_at']:%Y-%m-%d %H:%M:%S} UTC"
    detail: dict[str, Any] = {"made": {name: str(value) for name, value in said.items() if value is not None}}
    if row["error"]:
        detail["error"] = row["error"][:LONGEST_ERROR]
    return detail


def _curves(store: Store, named: str) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.float64]]]:
    """The training curve of each of the cells that are named."""
    rows = store.sql(f"SELECT cell_key, step, loss FROM curves WHERE cell_key IN ({named}) ORDER BY cell_key, step")
    keys = rows.column("cell_key").combine_chunks().dictionary_encode()
    codes = keys.indices.to_numpy()
    steps, losses = (rows.column(name).to_numpy() for name in ("step", "loss"))
    ends = np.flatnonzero(np.diff(codes, append=-1)) + 1
    for begin, end in zip((0, *ends.tolist()), ends.tolist(), strict=False):
        yield keys.dictionary[int(codes[begin])].as_py(), steps[begin:end], losses[begin:end]


def _thinned(steps: NDArray[np.int64], losses: NDArray[np.float64]) -> dict[str, list[Any]]:
    """Steps and losses, at most a hundred, the first and the last among them; None for a loss that is not finite."""
    if len(steps) > MOST_CURVE_POINTS:
        chosen = np.linspace(0, len(steps) - 1, MOST_CURVE_POINTS).round().astype(int)
        steps, losses = steps[chosen], losses[chosen]
    return {"step": steps.tolist(), "loss": [float(f"{v:.4g}") if math.isfinite(v) else None for v in losses.tolist()]}


def _encoder(matrix: NDArray[np.float32]) -> dict[str, Any]:
    """The picture of an encoder, with the modulus that its end colours stand for."""
    rows, columns = matrix.shape
    largest = float(np.nanmax(np.where(np.isfinite(matrix), np.abs(matrix), 0.0)))
    limit = 1.0 if largest <= 1.0 + 1e-3 else largest
    ordered = bool(np.isfinite(matrix).all())
    shown = _pooled(sort_encoder(matrix) if ordered else matrix)
    return {
        "picture": data_uri(picture(shown, limit)),
        "rows": rows, "columns": columns, "limit": float(f"{limit:.4g}"), "sorted": ordered, "pooled": shown.shape != matrix.shape,
    }  # fmt: skip


def _pooled(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """A matrix of at most 256 a side: of each block the entry of the largest modulus."""
    for axis in (0, 1):
        size = matrix.shape[axis]
        if size <= LARGEST_SIDE:
            continue
        block = -(-size // LARGEST_SIDE)
        padded = np.pad(matrix, [(0, (-size % block) * (axis == side)) for side in (0, 1)])
        parts = np.moveaxis(padded, axis, -1)
        parts = parts.reshape(*parts.shape[:-1], -1, block)
        strongest = np.abs(parts).argmax(axis=-1)[..., None]
        matrix = np.moveaxis(np.take_along_axis(parts, strongest, axis=-1)[..., 0], -1, axis)
    return matrix


def embedded(store: Store, cells: Cells, budget: float) -> Embedded:
    """Details of as many cells as fit into `budget` bytes: one cell of each point first, then further seeds."""
    sizes = _sizes(store)
    curves = set(store.sql("SELECT DISTINCT cell_key FROM curves").column(0).to_pylist())
    kept, spent = {}, 0
    for keys in _chunks(_in_order(cells), sizes):
        found = details(store, keys)
        for key in keys:
            if key in found:
                spent += len(key) + len(json.dumps(found[key])) + 6
                if spent > budget:
                    break
                kept[key] = found[key]
        if spent > budget:
            break
    encoders = sum("encoder" in detail for detail in kept.values())
    chosen = {*cells.keys}
    return Embedded(kept, len(kept), encoders, len(chosen & sizes.keys()), len(chosen & curves))


def _sizes(store: Store) -> dict[str, int]:
    """How many numbers the encoder of each cell has that keeps one."""
    found = store.sql(f"SELECT cell_key, rows * columns AS size FROM minimizers WHERE name = '{ENCODER}'").to_pydict()
    return dict(zip(found["cell_key"], found["size"], strict=True))


def _in_order(cells: Cells) -> list[str]:
    """The keys of the cells: of each combination of settings but the seed one with a result, then one more, and so on."""
    told = [s.codes for s in cells.settings if s.name != SEED and s.role != "told"]
    points = group(told) if told else np.zeros(len(cells.keys), dtype=np.int64)
    order = np.lexsort((np.arange(len(points)), ~cells.usable(), points))
    begins = np.flatnonzero(np.diff(points[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(begins, np.diff(np.append(begins, len(order))))
    return [cells.keys[i] for i in order[np.argsort(rank, kind="stable")]]


def _chunks(keys: Sequence[str], sizes: dict[str, int]) -> Iterator[list[str]]:
    """The keys in lists whose encoders can be held in memory at once."""
    chunk: list[str] = []
    numbers = 0
    for key in keys:
        chunk.append(key)
        numbers += sizes.get(key, 0)
        if numbers >= READ_NUMBERS or len(chunk) >= READ_CELLS:
            yield chunk
            chunk, numbers = [], 0
    if chunk:
        yield chunk
