"""What memory a pack takes, and how many slots a program has."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from explorer.axes import Value
from explorer.cells import Cell, most_tiles
from explorer.training.data import BLOCK
from explorer.training.draws import uniforms
from explorer.training.optimizers import initial_moments
from explorer.training.program import (
    COMPILED_FROM,
    EVALUATION_CHUNK,
    JACOBIANS,
    PROBE_SAMPLES,
    Program,
    Shape,
    build_model,
    build_source,
)
from explorer.training.refit import least_squares
from explorer.training.trace import peak_bytes

WIDEST = {"cpu": 64, "gpu": 1024}
# On a CPU a step is fastest while what it touches stays in the cache of its core: docs/decisions/0008-speed.md
STEP_BYTES = 16 * 2**20
BUDGET_BYTES = {"cpu": 512 * 2**20, "gpu": 8 * 2**30}
# What an evaluation that is not compiled may take beside the cells and their draws.
EVALUATION_BYTES = {"cpu": 64 * 2**20, "gpu": 2 * 2**30}
# A study with a cell that takes more than this is refused, wherever it would run.
CELL_BYTES = 64 * 2**30
# A process with everything imported and compiled; and how many times the tensors in use glibc holds, as parts of what is freed
# are too small for what comes next: 2.7 at most in benchmarks/results/memory.md
PROCESS_BYTES = 512 * 2**20
RESIDENT = 3.0
FLOAT_BYTES = 4
# A rough estimate this many times below a limit is below it surely.
SURELY = 1.5
# Slots of the programs that are traced. With one, operations on axes of length 1 would be others.
TRACED = 2


@functools.lru_cache(maxsize=1024)
def _numbers(shape: Shape) -> tuple[int, int]:
    """Parameters and buffers of one cell's model, and the numbers that a step keeps per sample."""
    with torch.device("meta"):
        model = build_model(dict(shape))
    return sum(value.numel() for value in (*model.parameters(), *model.buffers())), model.activations


def parameters(shape: Mapping[str, Value]) -> int:
    """Numbers that define one cell's model, buffers included."""
    return _numbers(tuple(sorted(shape.items())))[0]


def step_bytes(shape: Mapping[str, Value]) -> int:
    """What one training step of one slot touches: parameters, gradient and moments, and the activations of a batch."""
    weights, activations = _numbers(tuple(sorted(shape.items())))
    return FLOAT_BYTES * (4 * weights + int(shape["batch"]) * (activations + int(shape["dimension"])))


def evaluated_together(shape: Mapping[str, Value], width: int, gpu: bool = False) -> int:
    """How many cells an evaluation that is not compiled takes at a time."""
    _, activations = _numbers(tuple(sorted(shape.items())))
    dimension, code = int(shape["dimension"]), int(shape["code_dimension"])
    numbers = EVALUATION_CHUNK * (activations + dimension) + JACOBIANS * code * dimension
    return max(1, min(width, EVALUATION_BYTES["gpu" if gpu else "cpu"] // (FLOAT_BYTES * numbers)))


class _Sizes(NamedTuple):
    """Bytes: of one slot where nothing else is said."""

    state: int  # parameters, buffers and moments
    weights: int  # parameters and buffers
    kept: int  # what is said of an evaluated cell
    draws: int  # the buffer of draws for training
    drawing: int  # while one stream's block is drawn
    step: int  # beside all these, in a step
    chunk: int  # the buffer of draws for evaluation
    losses: int  # beside all these, in the evaluation of a chunk
    compiled: bool  # the evaluation, which then takes all cells together
    probe: int  # in what is shown to observables, and in a refit


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


@functools.lru_cache(maxsize=1024)
def _sizes(shape: Shape, knobs: tuple[str, ...], table: tuple[int, ...], gpu: bool, compiled: bool) -> _Sizes:
    """From one call each of a small pack's programs on the meta device."""
    device = "cuda" if gpu else "cpu"
    with torch.device("meta"):
        program = Program(dict(shape), TRACED, device, compiled=False)
        named = dict(program.model.named_parameters()), dict(program.model.named_buffers())
        trained, buffers = ({name: torch.empty(TRACED, *v.shape) for name, v in given.items()} for given in named)
        weights = {**trained, **buffers}
        values = {name: torch.empty(TRACED) for name in knobs}
        row = torch.empty(TRACED, dtype=torch.int64)
        moments = initial_moments(str(program.shape["optimizer"]), trained)
        block, nodes = BLOCK * program.batch, torch.empty(table)
        bits = torch.empty(block * program.source.width, dtype=torch.int32)
        latents, drawing = _latents(program, bits, nodes, compiled)
        per_sample = [latents.shape[1:], (program.model.noise_width,)]
        step = [torch.empty(TRACED * BLOCK, program.batch, *size) for size in per_sample]
        chunk = [torch.empty(TRACED, EVALUATION_CHUNK, *size) for size in per_sample]
        controls, loss_sum = torch.empty(1 + len(program.optimizer.numbers), TRACED), torch.empty(TRACED)
        with torch.no_grad():
            seen = program.probe(weights, chunk[0], chunk[1], row, values)
            compiled_losses = compiled and int(program.shape["evaluation_samples"]) >= COMPILED_FROM
            losses = peak_bytes(
                program.summed_losses(EVALUATION_CHUNK), weights, *chunk, row, values, compiled=compiled_losses
            )
            probe = peak_bytes(program.probe, weights, *chunk, row, values, compiled=False)
            if program.shape.get("refit"):
                probe = max(probe, _refit_bytes(program, weights, chunk[0], row, values))
        probed = min(PROBE_SAMPLES, int(program.shape["evaluation_samples"])) / EVALUATION_CHUNK
        return _Sizes(
            state=_bytes([*weights.values(), *moments.values()]) // TRACED,
            weights=_bytes(weights.values()) // TRACED,
            kept=_bytes(program.model.minimizer().values()) + round(probed * _bytes(seen.values()) / TRACED),
            draws=_bytes(step) // TRACED,
            drawing=bits.nbytes + drawing + _bytes(step[1:]) // TRACED,
            step=peak_bytes(
                program.step, trained, buffers, moments, *step, row, values, controls, loss_sum, compiled=compiled
            ) // TRACED,
            chunk=_bytes(chunk) // TRACED,
            losses=losses // TRACED,
            compiled=compiled_losses,
            probe=probe // TRACED,
        )  # fmt: skip


def _latents(program: Program, bits: Tensor, table: Tensor, compiled: bool) -> tuple[Tensor, int]:
    """A stream's latents on the meta device, and the bytes that drawing them makes live."""
    source = program.source

    def latent(bits: Tensor, table: Tensor) -> Tensor:
        return source.latent(uniforms(bits, source.width), table)

    return latent(bits, table), peak_bytes(latent, bits, table, compiled=compiled)


def _refit_bytes(
    program: Program, weights: dict[str, Tensor], latents: Tensor, row: Tensor, knobs: dict[str, Tensor]
) -> int:
    def refit(weights: dict[str, Tensor], latents: Tensor, row: Tensor, knobs: dict[str, Tensor]) -> Tensor:
        chunk: Callable[[], Any] = functools.partial(program.code, weights, latents, row, knobs)
        return least_squares([chunk, chunk])

    return peak_bytes(refit, weights, latents, row, knobs, compiled=False)


def _data_bytes(cell: Cell, streams: int, latent: int, gpu: bool) -> int:
    """Tables and training sets of this many streams, while the last set is put together from its chunks."""
    source, samples = build_source(cell.shape), float(cell.settings["samples"])
    total = 0
    for split in ("training", "evaluation"):
        shared = source.finite and not gpu and (split == "evaluation" or math.isinf(samples))
        total += FLOAT_BYTES * math.prod(source.table_shape(cell.settings, split)) * (1 if shared else streams)
    finite = math.isfinite(samples) and not source.finite
    return total + (FLOAT_BYTES * int(samples) * latent * (streams + 1) if finite else 0)


def predicted_bytes(
    cell: Cell, width: int, tiles: int = 1, streams: int = 1, gpu: bool = False, compiled: bool = True
) -> int:
    """The most bytes that a pack of such cells has in use at the same time: of one program's width, so many tiles and streams.

    Tables and fixed training sets of the streams, parameters, buffers and moments of every slot, and the buffer of draws. Beside
    them the largest of: one stream's draws as they are made, a tile's step, and the evaluation of a tile's cells. That has copies
    of parameters and buffers, a buffer of draws, what is kept of each cell, and the losses of a chunk or the probe of a few cells.
    What a step, losses and a probe take is that of a call on the meta device: `explorer.training.trace`.
    """
    return sum(_predicted(cell, width, tiles, streams, gpu, compiled))


def _predicted(cell: Cell, width: int, tiles: int, streams: int, gpu: bool, compiled: bool) -> tuple[int, int]:
    """The bytes of tables and fixed training sets, and of the rest."""
    sizes = _sizes(
        tuple(sorted(cell.shape.items())), tuple(sorted(cell.knobs)),
        build_source(cell.shape).table_shape(cell.settings, "training"), gpu, compiled,
    )  # fmt: skip
    slots, together = width * tiles, evaluated_together(cell.shape, width, gpu)
    latent = sizes.chunk // (FLOAT_BYTES * EVALUATION_CHUNK)
    held = slots * sizes.state + width * most_tiles(width) * sizes.draws
    losses = (width if sizes.compiled else together) * sizes.losses + min(streams, width) * sizes.chunk
    evaluation = (slots + width) * sizes.weights + width * sizes.chunk + (slots - width) * sizes.kept
    evaluation += max(width * sizes.kept + together * sizes.probe, losses)
    data = _data_bytes(cell, min(streams, slots), latent, gpu)
    return data, held + max(sizes.drawing, width * sizes.step, evaluation)


def fits(
    limit: float, cell: Cell, width: int, tiles: int = 1, streams: int = 1, gpu: bool = False, compiled: bool = True
) -> bool:
    """Whether no more than these bytes are predicted; without a trace, which takes a moment, where that is plain."""
    if SURELY * _estimated_bytes(cell, width, tiles, streams, gpu) <= limit:
        return True
    return predicted_bytes(cell, width, tiles, streams, gpu, compiled) <= limit


def process_bytes(cell: Cell, width: int, tiles: int = 1, streams: int = 1) -> int:
    """The memory to set aside for a process that trains such packs on a CPU."""
    plain = SURELY * _estimated_bytes(cell, width, tiles, streams, gpu=False)
    if RESIDENT * plain <= PROCESS_BYTES:
        return PROCESS_BYTES + round(RESIDENT * plain)
    data, rest = _predicted(cell, width, tiles, streams, gpu=False, compiled=True)
    return PROCESS_BYTES + data + round(RESIDENT * rest)


def _estimated_bytes(cell: Cell, width: int, tiles: int, streams: int, gpu: bool) -> int:
    """Roughly `predicted_bytes`, from counts alone."""
    shape = cell.shape
    source = build_source(shape)
    weights, activations = _numbers(tuple(sorted(shape.items())))
    batch, dimension, code = int(shape["batch"]), int(shape["dimension"]), int(shape["code_dimension"])
    latent = max(source.width, 2 * dimension) + max(code, dimension)  # and the model's noise
    kept = weights + PROBE_SAMPLES * code + JACOBIANS * code * dimension
    tile = 4 * weights + EVALUATION_CHUNK * latent + max(batch, EVALUATION_CHUNK) * (activations + 2 * dimension)
    numbers = width * (tiles * (4 * weights + kept) + most_tiles(width) * BLOCK * batch * latent + tile)
    return FLOAT_BYTES * numbers + _data_bytes(cell, min(streams, width * tiles), latent, gpu)


def pack_width(cell: Cell, cells: int, gpu: bool = False, streams: int = 1) -> int:
    """Slots of a program for a study with this many cells of the shape of `cell`, which have so many streams in all.

    Even packs, within memory and cache, little padding.
    """
    kind = "gpu" if gpu else "cpu"
    most = min(WIDEST[kind], cells)
    if not gpu:
        most = min(most, STEP_BYTES // step_bytes(cell.shape))
    even = dict.fromkeys(-(-cells // -(-cells // width)) for width in range(most, 1, -1))
    fitting = (w for w in even if largest_pack_fits(BUDGET_BYTES[kind], cell, w, cells, gpu, streams))
    return next(fitting, 1)


def largest_pack_fits(limit: float, cell: Cell, width: int, cells: int, gpu: bool = False, streams: int = 1) -> bool:
    """Whether the packs of a study with this many cells of a shape, which have so many streams in all, take no more bytes."""
    tiles = min(most_tiles(width), -(-cells // width))
    together = -(-width * tiles * streams // cells) + 1  # packs are cut from cells in the order of their streams
    return fits(limit, cell, width, tiles, min(streams, together), gpu)


def too_large(cell: Cell, gpu: bool = False) -> tuple[int, bool] | None:
    """The bytes of a cell that is larger than any may be, and whether its training set is the reason."""
    if fits(CELL_BYTES, cell, 1, gpu=gpu):
        return None
    total = predicted_bytes(cell, 1, gpu=gpu)
    drawn = {**cell.settings, "samples": math.inf}
    return total, predicted_bytes(Cell(drawn), 1, gpu=gpu) <= CELL_BYTES
