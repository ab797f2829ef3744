"""How many slots a program has."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import torch

from explorer.axes import Value
from explorer.training.program import Shape, build_model

WIDEST = {"cpu": 64, "gpu": 1024}
# On a CPU a step is fastest while what it touches stays in the cache of its core: docs/decisions/0008-speed.md
STEP_BYTES = 16 * 2**20
BUDGET_BYTES = {"cpu": 512 * 2**20, "gpu": 8 * 2**30}
FLOAT_BYTES = 4
EVALUATION_CHUNK = 512


@functools.lru_cache(maxsize=1024)
def _numbers(shape: Shape) -> tuple[int, int]:
    """Parameters and buffers of one cell's model, and the numbers that a step keeps per sample."""
    with torch.device("meta"):
        model = build_model(dict(shape))
    return sum(value.numel() for value in (*model.parameters(), *model.buffers())), model.activations


def parameters(shape: Mapping[str, Value]) -> int:
    """Numbers that define one cell's model, buffers included."""
    return _numbers(tuple(sorted(shape.items())))[0]


def bytes_per_cell(shape: Mapping[str, Value]) -> int:
    """Memory of one slot: parameters with gradient and two moments, and the activations of a step or of an evaluation chunk."""
    batch = max(int(shape["batch"]), EVALUATION_CHUNK)
    weights, activations = _numbers(tuple(sorted(shape.items())))
    return FLOAT_BYTES * (4 * weights + batch * (activations + int(shape["dimension"])))


def step_bytes(shape: Mapping[str, Value]) -> int:
    """What one training step of one slot touches: parameters, gradient and moments, and the activations of a batch."""
    weights, activations = _numbers(tuple(sorted(shape.items())))
    return FLOAT_BYTES * (4 * weights + int(shape["batch"]) * (activations + int(shape["dimension"])))


def pack_width(shape: Mapping[str, Value], cells: int, gpu: bool = False) -> int:
    """Slots of a program for a study with this many cells of the shape: even packs, within memory and cache, little padding."""
    kind = "gpu" if gpu else "cpu"
    widest = min(WIDEST[kind], BUDGET_BYTES[kind] // bytes_per_cell(shape))
    if not gpu:
        widest = min(widest, STEP_BYTES // step_bytes(shape))
    packs = -(-cells // max(1, widest))
    return -(-cells // packs)
