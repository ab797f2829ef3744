"""What a run would do: cells, packs, what is done already, and a rough cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from explorer.cells import Cell, Pack, make_packs
from explorer.errors import StoreError
from explorer.store import open_store
from explorer.study import Study
from explorer.training.size import parameters

# A step's multiply-adds per sample and weight of a matrix: one forward, two backward, two operations each, less the first
# layer's gradient by x. Of a convolution, which uses a weight at many places, this is too few.
PRODUCTS = 5
ROOFLINE_SHARE = 0.4
SECONDS_PER_PROGRAM = 8.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A study against a store. `seconds` is a rough estimate for this machine's processors."""

    study: Study
    out: str
    cells: int
    done: int
    missing: tuple[Cell, ...]
    packs: tuple[Pack, ...]
    shapes: int
    seconds: float
    retry_failed: bool = False

    @property
    def slots(self) -> int:
        """Pack slots, padding included."""
        return sum(pack.width for pack in self.packs)


def default_out(study: Study) -> str:
    """results/<name of the study>."""
    return f"results/{study.name}"


def plan_study(study: Study, out: str | None = None, retry_failed: bool = False) -> Plan:
    """What `run_study` would train; trains nothing and writes nothing."""
    place = out or default_out(study)
    cells = study.cells
    try:
        missing = open_store(place).missing(cells, retry_failed)
    except StoreError as error:
        if "no store here" not in str(error):
            raise
        missing = list(cells)
    packs = make_packs(missing, study.widths)
    shapes = len({cell.shape_key for cell in missing})
    seconds = _estimate(packs, shapes, study)
    return Plan(
        study, place, len(cells), len(cells) - len(missing), tuple(missing), tuple(packs), shapes, seconds, retry_failed
    )


def _flops(cell: Cell) -> float:
    s = cell.settings
    weights = parameters(cell.shape)
    step = PRODUCTS * float(s["batch"]) * weights
    return step * float(s["steps"]) + 2 * float(s["evaluation_samples"]) * weights


def _products_per_second() -> float:
    """Floating-point operations per second of this machine's batched matrix product, measured for a moment."""
    a, b = torch.randn(16, 256, 64), torch.randn(16, 64, 64)
    torch.bmm(a, b)
    begin, done = time.perf_counter(), 0
    while time.perf_counter() - begin < 0.05:
        torch.bmm(a, b)
        done += 1
    return done * 2 * 16 * 256 * 64 * 64 / (time.perf_counter() - begin)


def _estimate(packs: Sequence[Pack], shapes: int, study: Study) -> float:
    if not packs or study.resources.gpus_per_pack:
        return 0.0 if not packs else float("nan")
    flops = sum(_flops(pack.cells[0]) * pack.width for pack in packs)
    return flops / (_products_per_second() * ROOFLINE_SHARE) + SECONDS_PER_PROGRAM * shapes
