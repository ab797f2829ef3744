"""Packs of outcomes as the engine would publish them, made without training anything."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from explorer.cells import Cell
from explorer.records import CURVES, MINIMIZERS, SCHEMA_VERSION, outcome_schema

START = datetime(2026, 1, 1, tzinfo=UTC)


def sparse(seed=0, **changes):
    return Cell.of(**{"source": "sparse", "architecture": "two_layer", "sparsity": 0.5, "rate": 1.0, "dimension": 8,
                      "seed": seed, **changes})  # fmt: skip


def gaussian(seed=0, **changes):
    return Cell.of(**{"source": "gaussian", "architecture": "two_layer", "rate": 1.0, "dimension": 8, "seed": seed,
                      **changes})  # fmt: skip


def outcomes(cells, pack="pack", status="converged", loss=0.5, minute=0, observables=("localization",)):
    """One row per cell, finished `minute` minutes after the start."""
    good = status not in ("failed", "diverged")
    rows = [
        {
            **cell.settings,
            "cell_key": cell.key,
            "status": status,
            "error": None if good else "it broke",
            "loss": loss if good else None,
            **dict.fromkeys(observables, 0.25 if good else None),
            "pack_key": pack,
            "finished_at": START + timedelta(minutes=minute),
            "schema_version": SCHEMA_VERSION,
        }
        for cell in cells
    ]
    return pa.Table.from_pylist(rows, schema=outcome_schema([cell.settings for cell in cells], observables))


def curves(cells, pack="pack", loss=0.5):
    rows = [
        {"cell_key": cell.key, "pack_key": pack, "step": step, "loss": loss / step} for cell in cells for step in (1, 2)
    ]
    return pa.Table.from_pylist(rows, schema=CURVES)


def minimizers(matrices, pack="pack"):
    """`matrices`: cell -> name -> array."""
    rows = [
        {"cell_key": cell.key, "pack_key": pack, "name": name, "rows": matrix.shape[0], "columns": matrix.shape[1],
         "values": matrix.ravel().tolist()}
        for cell, named in matrices for name, matrix in named.items()
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=MINIMIZERS)
