"""Packs cut one at a time, smaller towards the end, so that workers end together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from explorer.cells import LONGEST_QUEUE, Cell, Pack, by_shape, most_tiles
from explorer.training.size import parameters

# A step's multiply-adds per sample and weight of a matrix: one forward, two backward, two operations each, less the first
# layer's gradient by x. Of a convolution, which uses a weight at many places, this is too few.
PRODUCTS = 5
# A pack is at most this share of what is left for each worker: with larger ones, the last to end leaves others waiting.
PACKS_PER_WORKER = 2


def flops(cell: Cell) -> float:
    """Floating-point operations of a cell's training and evaluation, roughly; of one that may end early, of all its budget."""
    s = cell.settings
    weights = parameters(cell.shape)
    step = PRODUCTS * float(s["batch"]) * weights
    return step * float(s["steps"]) + 2 * float(s["evaluation_samples"]) * weights


@dataclass(eq=False)
class _Group:
    """Cells of one shape, of which the first `cut` are in packs."""

    cells: list[Cell]
    width: int
    cost: float
    cut: int = 0

    @property
    def left(self) -> int:
        return len(self.cells) - self.cut

    @property
    def most(self) -> int:
        """Programs' widths of cells in the longest pack; see `explorer.cells.make_packs`."""
        return LONGEST_QUEUE if self.cells[0].settings["schedule"] == "plateau" else most_tiles(self.width)


class PackQueue:
    """Cells as packs, taken one at a time by a cluster of any size; the same cells and sizes give the same packs.

    Guided self-scheduling: a pack holds as many whole programs as make half a worker's share of the work that is left, at least
    one and at most what shares its draws well. A program's width never changes, so nothing is compiled for the end. Packs
    are taken from as many shapes in turn as there are workers: each compiles one, and finds the others on disk. Shapes whose
    packs take longest come first.
    """

    def __init__(self, cells: Iterable[Cell], widths: Mapping[str, int]) -> None:
        groups = [_Group(group, widths[group[0].shape_key], flops(group[0])) for group in by_shape(cells)]
        self._waiting = deque(sorted(groups, key=lambda group: -group.cost * group.width))
        self._taken: deque[_Group] = deque()
        self.left = sum(group.left for group in groups)
        self._work = sum(group.left * group.cost for group in groups)

    def take(self, workers: int) -> Pack | None:
        """The next pack, where so many packs are trained at a time; none where all cells are in packs."""
        workers = max(1, workers)
        while self._waiting and len(self._taken) < workers:
            self._taken.append(self._waiting.popleft())
        if not self._taken:
            return None
        group = self._taken.popleft()
        share = self._work / (PACKS_PER_WORKER * workers) / group.cost
        length = group.width * max(1, min(group.most, int(share / group.width)))
        pack = Pack(tuple(group.cells[group.cut : group.cut + length]), group.width)
        group.cut += len(pack.cells)
        self.left -= len(pack.cells)
        self._work = max(0.0, self._work - len(pack.cells) * group.cost)
        if group.left:
            self._taken.append(group)
        return pack

    def all(self, workers: int) -> tuple[Pack, ...]:
        """All packs that are left, for a cluster of this size."""
        return tuple(iter(lambda: self.take(workers), None))
