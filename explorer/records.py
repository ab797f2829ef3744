"""The outcome row: its columns, their types, its version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

# Raise it when a column changes its meaning or its type; adding a column needs no new version.
SCHEMA_VERSION = 1

STATUSES = ("converged", "budget", "diverged", "failed")

IDENTITY = (pa.field("cell_key", pa.string(), nullable=False), pa.field("status", pa.string(), nullable=False),
            pa.field("error", pa.string()))  # fmt: skip
RESULT = (pa.field("loss", pa.float64()), pa.field("loss_se", pa.float64()), pa.field("objective", pa.float64()))
PROVENANCE = (
    pa.field("steps_taken", pa.int64()),
    pa.field("seconds", pa.float64()),
    pa.field("pack_key", pa.string(), nullable=False),
    pa.field("pack_width", pa.int64()),
    pa.field("explorer_version", pa.string()),
    pa.field("torch_version", pa.string()),
    pa.field("ray_version", pa.string()),
    pa.field("git_revision", pa.string()),
    pa.field("plugins", pa.string()),
    pa.field("host", pa.string()),
    pa.field("worker", pa.int64()),
    pa.field("device", pa.string()),
    pa.field("threads", pa.int64()),
    pa.field("compiled", pa.bool_()),
    pa.field("finished_at", pa.timestamp("us", tz="UTC")),
    pa.field("schema_version", pa.int64(), nullable=False),
)

CURVES = pa.schema([
    pa.field("cell_key", pa.string(), nullable=False),
    pa.field("pack_key", pa.string(), nullable=False),
    pa.field("step", pa.int64(), nullable=False),
    pa.field("loss", pa.float64()),
])  # fmt: skip

MINIMIZERS = pa.schema([
    pa.field("cell_key", pa.string(), nullable=False),
    pa.field("pack_key", pa.string(), nullable=False),
    pa.field("name", pa.string(), nullable=False),
    pa.field("rows", pa.int64(), nullable=False),
    pa.field("columns", pa.int64(), nullable=False),
    pa.field("values", pa.list_(pa.float32()), nullable=False),
])  # fmt: skip

# Where a failed cell failed; its `error` is in its row.
FAILURES = pa.schema([
    pa.field("cell_key", pa.string(), nullable=False),
    pa.field("pack_key", pa.string(), nullable=False),
    pa.field("traceback", pa.string(), nullable=False),
])  # fmt: skip

# What became of the packs of a run, one row for each that was trained to its end; times in UTC, and seconds of wall time.
PACKS = pa.schema([
    pa.field("run", pa.string(), nullable=False),
    pa.field("pack_key", pa.string(), nullable=False),
    pa.field("shape_key", pa.string(), nullable=False),
    pa.field("begin", pa.timestamp("us", tz="UTC"), nullable=False),
    pa.field("end", pa.timestamp("us", tz="UTC"), nullable=False),
    pa.field("host", pa.string()),
    pa.field("pid", pa.int64()),
    pa.field("device", pa.string()),
    pa.field("cells", pa.int64(), nullable=False),
    pa.field("width", pa.int64(), nullable=False),
    pa.field("diverged", pa.int64()),
    pa.field("failed", pa.int64()),
    pa.field("compile_seconds", pa.float64()),
    pa.field("train_seconds", pa.float64()),
    pa.field("evaluate_seconds", pa.float64()),
    pa.field("publish_seconds", pa.float64()),
    pa.field("parts", pa.int64()),
    pa.field("bytes", pa.int64()),
    pa.field("publish_retries", pa.int64()),
])  # fmt: skip

_TYPES: dict[type, pa.DataType] = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}

SETTING, OBSERVABLE = {b"explorer": b"setting"}, {b"explorer": b"observable"}


# Settings that are younger than some stores, with the value that older rows stand for and where they have one, in SQL.
YOUNGER: dict[str, tuple[pa.DataType, Any, str]] = {
    "samples": (pa.float64(), "inf", "true"),
    "weight_bits": (pa.float64(), "inf", "true"),
    "distortion": (pa.string(), "squared_error", "true"),
    "surrogate": (pa.string(), "straight_through", "architecture = 'two_layer' AND activation = 'sign'"),
    "refit": (pa.bool_(), "false", "architecture = 'two_layer' AND NOT tied"),
    "spectrum": (pa.string(), "isotropic", "source = 'gaussian'"),
}


def younger_columns(schemas: Sequence[pa.Schema]) -> dict[str, str]:
    """The columns that some rows of parts with these schemas lack, as SQL expressions that fill them; none where all are new."""
    if all("samples" in schema.names for schema in schemas):
        return {}
    names = {name for schema in schemas for name in schema.names}
    needed = {"surrogate": ("activation",), "refit": ("tied",)}
    there = [name for name in YOUNGER if names.issuperset(("architecture", "source", *needed.get(name, ())))]
    return {
        name: f"CASE WHEN {name} IS NULL AND {YOUNGER[name][2]} THEN '{YOUNGER[name][1]}' ELSE {name} END"
        for name in there
    }


def outcome_schema(settings: Iterable[Mapping[str, Any]], observables: Sequence[str] = ()) -> pa.Schema:
    """The columns of a part: identity, every setting under its own name, loss, observables, provenance."""
    kinds: dict[str, pa.DataType] = {}
    for row in settings:
        for name, value in row.items():
            kinds.setdefault(name, _TYPES[type(value)])
    fields = [
        *IDENTITY,
        *(pa.field(name, kinds[name], metadata=SETTING) for name in sorted(kinds)),
        *RESULT,
        *(pa.field(name, pa.float64(), metadata=OBSERVABLE) for name in observables),
        *PROVENANCE,
    ]
    return pa.schema(fields)


def settings_of(schema: pa.Schema) -> list[str]:
    """The columns of a schema that are settings."""
    return [field.name for field in schema if (field.metadata or {}).get(b"explorer") == b"setting"]


def observables_of(schema: pa.Schema) -> list[str]:
    """The columns of a schema that are observables."""
    return [field.name for field in schema if (field.metadata or {}).get(b"explorer") == b"observable"]


def schema_digest(schema: pa.Schema) -> str:
    """8 hexadecimal digits that name a schema; part of a part's file name, so that one footer a schema is read."""
    text = ";".join(f"{field.name}:{field.type}:{(field.metadata or {}).get(b'explorer', b'')!r}" for field in schema)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
