"""How many turned bits of a part each reader notices: DuckDB, Arrow with page checksums, the seal.

python benchmarks/damage.py
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from explorer.store import StoreWriter
from explorer.store.seal import flaw
from tests.store.parts import outcomes, sparse

FLIPS = 1500
READ = "SELECT * FROM read_parquet('{path}')"


def part(folder: str) -> Path:
    """A part of 32 cells with losses of their own, as a run publishes it."""
    table = outcomes([sparse(seed, sparsity=p / 50) for seed in range(4) for p in range(1, 9)])
    draws = np.random.default_rng(0)
    for name in ("loss", "localization"):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), pa.array(draws.random(len(table))))
    StoreWriter(folder).publish("pack", table)
    (path,) = Path(folder, "cells").iterdir()
    return path


def by_duckdb(path: Path) -> pa.Table:
    return duckdb.connect().sql(READ.format(path=path)).to_arrow_table()


def by_arrow(path: Path) -> pa.Table:
    return pq.ParquetFile(path, page_checksum_verification=True).read()


def outcome(read, path: Path, expected: pa.Table) -> str:
    try:
        return "right numbers" if read(path).equals(expected) else "other numbers, no error"
    except Exception:
        return "refused"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = part(folder)
        whole, drawn = path.read_bytes(), random.Random(1)
        readers = {"DuckDB": by_duckdb, "Arrow with page checksums": by_arrow}
        expected = {name: read(path) for name, read in readers.items()}
        found: Counter[tuple[str, str]] = Counter()
        for _ in range(FLIPS):
            bit = drawn.randrange(8 * len(whole))
            changed = bytearray(whole)
            changed[bit // 8] ^= 1 << bit % 8
            path.write_bytes(changed)
            for name, read in readers.items():
                found[name, outcome(read, path, expected[name])] += 1
            found["seal", "refused" if flaw(bytes(changed)) else "right numbers"] += 1
    print(f"{FLIPS} single bits turned in a part of {len(whole):,} bytes")
    for (name, kind), count in sorted(found.items()):
        print(f"{name:28}{kind:26}{count:6}")


if __name__ == "__main__":
    main()
