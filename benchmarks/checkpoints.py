"""What saving a pack in the middle of its training costs, in seconds and bytes, beside the steps that it interrupts.

python benchmarks/checkpoints.py [--dimension 64] [--cells 45]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from explorer.cells import Cell, Pack
from explorer.engine import checkpoints
from explorer.store import StoreWriter
from explorer.training import PackRun

REPEATS = 5


def measured(dimension: int, cells: int) -> None:
    """Print the cost for one shape, beside that of a step."""
    common = {"source": "sparse", "architecture": "two_layer", "dimension": dimension, "rate": 1.0, "steps": 100_000}
    pack = Pack(tuple(Cell.of(sparsity=(i + 1) / cells, **common) for i in range(cells)), cells)
    run = PackRun(pack)
    run.advance(100)
    begin = time.perf_counter()
    run.advance(200)
    step = (time.perf_counter() - begin) / 200
    with tempfile.TemporaryDirectory() as place:
        writer = StoreWriter(place)
        writer.create()
        saving, loading = [], []
        for _ in range(REPEATS):
            begin = time.perf_counter()
            checkpoints.save(writer.files, checkpoints.file_of(pack), cells, run.states(), "cpu")
            saving.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            path = writer.files.path(checkpoints.file_of(pack))
            width, states, why = checkpoints.load(writer.files, path, [cell.key for cell in pack.cells], "cpu")
            loading.append(time.perf_counter() - begin)
            assert (width, len(states), why) == (cells, cells, None)
        size = Path(path).stat().st_size
    save, load = sorted(saving)[REPEATS // 2], sorted(loading)[REPEATS // 2]
    print(
        f"d = {dimension}, {cells} cells: {size / 2**20:.1f} MiB, saved in {save * 1000:.0f} ms ({save / step:.1f} steps, "
        f"{save / 300:.2%} of 300 s), loaded in {load * 1000:.0f} ms; a step takes {step * 1000:.1f} ms"
    )


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--dimension", type=int, default=64)
    options.add_argument("--cells", type=int, default=45)
    chosen = options.parse_args()
    measured(chosen.dimension, chosen.cells)
