"""How many cells share a pack."""

from __future__ import annotations

from collections.abc import Mapping

from explorer.axes import Value

WIDEST = {"cpu": 64, "gpu": 1024}
BUDGET_BYTES = {"cpu": 512 * 2**20, "gpu": 8 * 2**30}
FLOAT_BYTES = 4
EVALUATION_CHUNK = 512


def bytes_per_cell(shape: Mapping[str, Value]) -> int:
    """Memory of one slot: parameters with gradient and two moments, and the activations of a step or of an evaluation chunk."""
    d, n, batch = int(shape["dimension"]), int(shape["code_dimension"]), max(int(shape["batch"]), EVALUATION_CHUNK)
    parameters = 4 * 2 * n * d
    activations = batch * (6 * d + 6 * n)
    return FLOAT_BYTES * (parameters + activations)


def pack_width(shape: Mapping[str, Value], cells: int, gpu: bool = False) -> int:
    """Slots of a pack for a study with this many cells of the shape: even packs, within memory, little padding."""
    kind = "gpu" if gpu else "cpu"
    widest = max(1, min(WIDEST[kind], BUDGET_BYTES[kind] // bytes_per_cell(shape)))
    packs = -(-cells // widest)
    return -(-cells // packs)
