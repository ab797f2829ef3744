"""What a run would do: cells, packs, what is done already, and a rough cost."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from explorer.cells import Cell, Pack, make_packs
from explorer.engine.cutting import PackQueue, flops
from explorer.errors import StoreError
from explorer.store import open_store, study_name
from explorer.study import Study, fixed_samples
from explorer.training.size import PROCESS_BYTES, process_bytes

ROOFLINE_SHARE = 0.6
SECONDS_PER_PROGRAM = 8.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A study against a store. `packs` and `seconds`, a rough estimate, are for this machine's processors."""

    study: Study
    out: str
    cells: int
    done: int
    missing: tuple[Cell, ...]
    widths: Mapping[str, int]
    packs: tuple[Pack, ...]
    shapes: int
    seconds: float
    retry_failed: bool = False

    @property
    def slots(self) -> int:
        """Pack slots, padding included."""
        return sum(max(pack.width, len(pack.cells)) for pack in self.packs)

    @property
    def bytes_per_pack(self) -> int:
        """The memory to set aside for a process that trains any of these packs."""
        if self.study.resources.gpus_per_pack:
            return PROCESS_BYTES
        largest: dict[tuple[str, int, int], int] = {}
        for pack in make_packs(self.missing, self.widths):  # the longest, which a small cluster is given
            kind = pack.cells[0].shape_key, pack.width, pack.slots
            largest[kind] = max(largest.get(kind, 1), len({cell.stream for cell in pack.cells}))
        cells = {cell.shape_key: cell for cell in sorted(self.missing, key=fixed_samples)}
        return max((process_bytes(cells[key], w, slots // w, n) for (key, w, slots), n in largest.items()), default=0)

    def queue(self) -> PackQueue:
        """What is missing, to be cut into packs for whatever the cluster is when they are taken."""
        return PackQueue(self.missing, self.widths)


def default_out(study: Study) -> str:
    """results/<name of the study>."""
    return f"results/{study.name}"


def plan_study(study: Study, out: str | None = None, retry_failed: bool = False) -> Plan:
    """What `run_study` would train first: the grid, and what earlier runs have proposed. Trains nothing and writes nothing."""
    place = out or default_out(study)
    try:
        rounds = open_store(place).rounds(study_name(study.text))
    except StoreError as error:
        if "no store here" not in str(error):
            raise
        rounds = []
    proposed = (Cell(settings) for one in rounds for settings in one.settings)
    cells = {cell.key: cell for cell in (*study.cells, *proposed)}
    return plan_cells(study, list(cells.values()), place, retry_failed)


def plan_cells(study: Study, cells: Sequence[Cell], out: str, retry_failed: bool = False) -> Plan:
    """What training these cells of a study would do to the store `out`."""
    try:
        missing = open_store(out).missing(cells, retry_failed)
    except StoreError as error:
        if "no store here" not in str(error):
            raise
        missing = list(cells)
    widths = study.widths_of(cells)
    at_once = max(1, round((os.cpu_count() or 1) / study.resources.cpus_per_pack))
    packs = PackQueue(missing, widths).all(at_once)
    shapes = len({cell.shape_key for cell in missing})
    seconds = _estimate(packs, shapes, study)
    done = len(cells) - len(missing)
    return Plan(study, out, len(cells), done, tuple(missing), widths, packs, shapes, seconds, retry_failed)


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
    operations = sum(flops(pack.cells[0]) * max(pack.width, len(pack.cells)) for pack in packs)
    return operations / (_products_per_second() * ROOFLINE_SHARE) + SECONDS_PER_PROGRAM * shapes
