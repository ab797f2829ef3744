"""Stores whose every number is known, with encoders, curves, failures and the study that asked for them."""

from __future__ import annotations

import pyarrow as pa

from explorer import open_store
from explorer.records import FAILURES, MINIMIZERS, SCHEMA_VERSION, outcome_schema
from explorer.store import StoreWriter
from tests.figures.stores import TRAINED, cells, encoder, outcome
from tests.store.parts import curves

STUDY = """name: known
axes: {source: sparse, architecture: two_layer, sparsity: [0.3, 0.9], rate: [0.5, 1.0]}
"""
SPARSITIES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def members(**more):
    """Six sparsities, two rates, two starts, two seeds, unless told otherwise."""
    return cells(**{"sparsity": SPARSITIES, "rate": (0.5, 1.0), "seed": (0, 1), **more})


def rows(chosen, outcome=outcome, status="converged", error=None, pack="pack", **changes):
    """Rows as the engine would publish them; `changes` replaces settings by what no study could ask for."""
    good = status not in ("failed", "diverged")
    return [
        {**cell.settings, **changes, **(outcome(cell) if good else {}), "cell_key": cell.key, "status": status, "error": error,
         "pack_key": pack, "schema_version": SCHEMA_VERSION, **TRAINED}
        for cell in chosen
    ]  # fmt: skip


def publish(place, chosen, written=None, study=STUDY, pack="pack", kept=True, traceback=None):
    """A part more in the store at `place`, which is made where there is none; returns the store."""
    written = rows(chosen, pack=pack) if written is None else written
    observed = ("localization", "tying")
    settings = [{k: v for k, v in row.items() if k in chosen[0].settings} for row in written] if chosen else []
    schema = outcome_schema(settings, observed)
    matrices = [
        {"cell_key": cell.key, "pack_key": pack, "name": "encoder", "rows": b.shape[0], "columns": b.shape[1],
         "values": b.ravel().tolist()}
        for cell in chosen for b in [encoder(cell)]
    ]  # fmt: skip
    failed = [{"cell_key": row["cell_key"], "pack_key": pack, "traceback": traceback} for row in written]
    writer = StoreWriter(str(place))
    writer.create()
    writer.publish(
        pack,
        pa.Table.from_pylist(written, schema=schema),
        curves(chosen, pack) if kept else None,
        pa.Table.from_pylist(matrices, schema=MINIMIZERS) if kept and matrices else None,
        *([pa.Table.from_pylist(failed, schema=FAILURES)] if traceback else []),
    )
    writer.keep_study(study, [cell.key for cell in chosen])
    return open_store(place)
