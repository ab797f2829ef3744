"""Checkpoints: cells in the middle of their training, kept in the store for the process that goes on with them.

`checkpoints/<pack key>.ckpt` is a line that names the format, the length of a header in JSON, the header and tensors as
`torch.save` writes them. The header names the cells and how far each is, so that another run, whose packs are others, finds
what concerns it without reading the tensors. Only tensors and plain numbers are read, whatever a file holds: `weights_only`.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import torch

from explorer.cells import Pack
from explorer.errors import StoreError
from explorer.store import open_store
from explorer.store.files import Files
from explorer.store.leftovers import FOLDER, remove_forgotten
from explorer.training import CellState
from explorer.training.program import compiler_available

log = logging.getLogger("explorer")

SUFFIX = ".ckpt"
MAGIC = b"explorer checkpoint 1\n"
LENGTH_BYTES = 8
LONGEST_HEADER = 2**26


@dataclass(frozen=True, slots=True)
class Header:
    """What a checkpoint says of itself: its cells' steps, the slots of the program that trained them, and under which conditions."""

    path: str
    steps: Mapping[str, int]
    width: int
    conditions: Mapping[str, Any]
    digest: str


def conditions(device: str) -> dict[str, Any]:
    """What must be the same for training to go on to the same bits, beside the width; host and processor are free, as for a row."""
    return {
        "device": "cpu" if device == "cpu" else torch.cuda.get_device_name(0),
        "threads": torch.get_num_threads(),
        "compiled": compiler_available(device.split(":")[0]),
        "torch": torch.__version__,
    }


def file_of(pack: Pack) -> str:
    """Where a pack is saved, below the store's root; each time in place of the time before."""
    return f"{FOLDER}/{pack.key}{SUFFIX}"


def save(files: Files, relative: str, width: int, states: Mapping[str, CellState], device: str) -> None:
    """Save cells that a program of this width trains. Raises StoreError where that cannot be written."""
    sink = io.BytesIO()
    torch.save([_together(states, over) for over in (False, True)], sink)
    body = sink.getvalue()
    said = {
        "steps": {key: state.steps for key, state in states.items()},
        "width": width,
        "conditions": conditions(device),
        "digest": hashlib.sha256(body).hexdigest(),
    }
    header = json.dumps(said, separators=(",", ":")).encode()
    files.publish(relative, b"".join((MAGIC, len(header).to_bytes(LENGTH_BYTES, "big"), header, body)))


def _together(states: Mapping[str, CellState], over: bool) -> dict[str, Any]:
    """The cells that are over, or those that are not, as tensors of all of them."""
    chosen = {key: state for key, state in states.items() if state.over == over}
    cells = list(chosen.values())
    points = [point for state in cells for point in state.curve]
    descents = [state.descent or (-1, -1) for state in cells]
    return {
        "cells": list(chosen),
        "steps": [state.steps for state in cells],
        "seconds": [state.seconds for state in cells],
        "loss_sum": [state.loss_sum for state in cells],
        "converged": [state.converged for state in cells],
        "descent": torch.tensor(descents, dtype=torch.int64).reshape(-1, 2),
        "points": [len(state.curve) for state in cells],
        "curve_steps": torch.tensor([step for step, _ in points], dtype=torch.int64),
        "curve": torch.tensor([loss for _, loss in points], dtype=torch.float64),
        "weights": {name: torch.stack([state.weights[name] for state in cells]) for name in _names(cells, "weights")},
        "moments": {name: torch.stack([state.moments[name] for state in cells]) for name in _names(cells, "moments")},
    }


def _names(cells: Sequence[CellState], kind: str) -> list[str]:
    return list(getattr(cells[0], kind)) if cells else []


def _apart(group: Mapping[str, Any], over: bool) -> dict[str, CellState]:
    found: dict[str, CellState] = {}
    ends = torch.tensor([0, *group["points"]]).cumsum(0).tolist()
    for i, key in enumerate(group["cells"]):
        here = slice(ends[i], ends[i + 1])
        curve = tuple(zip(group["curve_steps"][here].tolist(), group["curve"][here].tolist(), strict=True))
        begin, end = group["descent"][i].tolist()
        found[key] = CellState(
            group["steps"][i],
            group["seconds"][i],
            curve,
            group["loss_sum"][i],
            {name: value[i] for name, value in group["weights"].items()},
            {name: value[i] for name, value in group["moments"].items()},
            None if begin < 0 else (begin, end),
            group["converged"][i],
            over,
        )
    return found


def load(files: Files, path: str, keys: Iterable[str], device: str) -> tuple[int, dict[str, CellState], str | None]:
    """Of these cells those that a checkpoint holds, the width they were trained at, and why nothing is taken from it, if so.

    A file that is gone holds nothing. One that is damaged, of another format, or made under other conditions is left aside.
    """
    try:
        content = files.read(path)
    except FileNotFoundError:
        return 0, {}, None
    except (StoreError, OSError, pa.ArrowException) as error:
        return 0, {}, f"{path}: could not be read: {error}"
    try:
        header, begin = _header(path, content)
        body = content[begin:]
        if hashlib.sha256(body).hexdigest() != header.digest:
            return 0, {}, f"{path}: a damaged checkpoint; training starts from the beginning"
        if header.conditions != conditions(device):
            return 0, {}, (
                f"{path}: made under {json.dumps(header.conditions)}, and here are {json.dumps(conditions(device))}; "
                "training starts from the beginning"
            )  # fmt: skip
        groups = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
        wanted = set(keys)
        states = {
            k: s for over, group in enumerate(groups) for k, s in _apart(group, bool(over)).items() if k in wanted
        }
    except Exception as error:  # whatever a foreign file makes of torch, a checkpoint is no outcome
        return (
            0,
            {},
            f"{path}: no checkpoint that can be read ({type(error).__name__}); training starts from the beginning",
        )
    return header.width, states, None


def _header(path: str, content: bytes) -> tuple[Header, int]:
    """The header and where the tensors begin. Raises ValueError or KeyError where this is no checkpoint of this format."""
    begin = len(MAGIC) + LENGTH_BYTES
    if not content.startswith(MAGIC):
        raise ValueError("another format")
    end = begin + int.from_bytes(content[len(MAGIC) : begin], "big")
    said = json.loads(content[begin:end])
    steps = {str(key): int(step) for key, step in said["steps"].items()}
    return Header(path, steps, int(said["width"]), said["conditions"], str(said["digest"])), end


def headers(files: Files) -> list[Header]:
    """The headers of the checkpoints of a store: one listing, and the beginning of each file."""
    found = []
    for path in files.listing(FOLDER, SUFFIX):
        try:
            with files.system.open_input_file(path) as stream:
                first = stream.read(len(MAGIC) + LENGTH_BYTES)
                length = int.from_bytes(first[len(MAGIC) :], "big")
                rest = stream.read(length) if first.startswith(MAGIC) and length <= LONGEST_HEADER else b""
            found.append(_header(path, bytes(first) + bytes(rest))[0])
        except FileNotFoundError:  # its cells are done meanwhile
            continue
        except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
            log.warning("%s: no checkpoint that can be read (%s); it is left aside", path, type(error).__name__)
    return found


@dataclass(frozen=True, slots=True)
class Farthest:
    """Of every cell the checkpoint in which it has come farthest, by its path."""

    of_cell: Mapping[str, str]

    @classmethod
    def of(cls, found: Sequence[Header]) -> Farthest:
        farthest: dict[str, tuple[int, str]] = {}
        for header in found:
            for key, steps in header.steps.items():
                farthest[key] = max(farthest.get(key, (-1, "")), (steps, header.path))
        return cls({key: path for key, (_, path) in farthest.items()})

    def paths(self, pack: Pack) -> tuple[str, ...]:
        """The checkpoints that a pack goes on from."""
        if not self.of_cell:
            return ()
        return tuple({self.of_cell[cell.key]: None for cell in pack.cells if cell.key in self.of_cell})


NOTHING_SAVED = Farthest({})


def of_use(files: Files, retry_failed: bool = False) -> list[Header]:
    """The checkpoints of a store that hold a cell without a row, or without a good one.

    The others are deleted, and so is what was last written a month ago, whatever its cells.
    """
    try:
        remove_forgotten(files)
    except StoreError as error:
        log.warning("%s", error)
    found = headers(files)
    if not found:
        return []
    done = open_store(files.address).keys(retry_failed)
    remove_done(files, found, done)
    return [header for header in found if not done.issuperset(header.steps)]


def remove_done(files: Files, found: Sequence[Header], done: Iterable[str]) -> None:
    """Delete the checkpoints whose every cell is done."""
    keys = set(done)
    for header in found:
        if keys.issuperset(header.steps):
            try:
                files.remove(header.path)
            except StoreError as error:
                log.warning("%s", error)
