"""Stores with known results, made without training anything."""

import itertools
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from explorer import open_store
from explorer.cells import Cell
from explorer.records import MINIMIZERS, SCHEMA_VERSION, outcome_schema
from explorer.store import StoreWriter

DIMENSION = 8
HAAR = 3 / (DIMENSION + 2)
SWITCH, CROSSING = 0.5, 2 / np.pi
# Where, by whom and when.
TRAINED = {"host": "machine", "worker": 1, "seconds": 0.5, "finished_at": datetime(2026, 1, 1, tzinfo=UTC)}
SPARSITIES = tuple(np.linspace(0.3, 0.9, 13).round(2))


def cells(
    sparsity=SPARSITIES, rate=(0.5, 1.0, 1.5), base=("rademacher",), init=("random", "identity"), seed=(0, 1, 2), **more
):
    """The grid of these settings; a single value may be given as it is."""
    values = {"sparsity": sparsity, "rate": rate, "base": base, "init": init, "seed": seed, **more}
    lists = {name: value if isinstance(value, tuple) else (value,) for name, value in values.items()}
    fixed = {"source": "sparse", "architecture": "two_layer", "dimension": DIMENSION}
    return [
        Cell.of(**{**fixed, **dict(zip(lists, point, strict=True))}) for point in itertools.product(*lists.values())
    ]


def outcome(cell):
    """Random starts switch at 0.5, identity starts never leave the identity; the branches' losses meet at 2/pi."""
    settings = cell.settings
    sparsity = settings.get("sparsity", 1.0)
    rotation = settings["init"] == "random" and sparsity < SWITCH
    noise = 0.001 * np.cos(17 * settings["seed"] + 5 * sparsity)
    level = settings["rate"] * (CROSSING if rotation else sparsity)
    return {"localization": (HAAR if rotation else 0.98) + noise, "tying": 1.0, "loss": 1 - level + noise}


def encoder(cell):
    """A shuffled, signed identity with a little noise."""
    generator = np.random.default_rng(int(cell.settings["seed"]))
    rows, columns = int(cell.settings["code_dimension"]), DIMENSION
    plain = np.eye(columns)[generator.permutation(np.arange(rows) % columns)] * generator.choice([-1.0, 1.0], (rows, 1))
    return (plain + 0.01 * generator.standard_normal((rows, columns))).astype(np.float32)


def zoo(rate=(0.5, 1.0), architecture=("two_layer", "denoiser", "linear"), seed=(0, 1, 2), **more):
    """Several architectures on one data set."""
    return cells(0.5, rate, "gaussian", "random", seed, architecture=architecture, **more)


def spectra(rate=(0.5, 1.0), seed=(0, 1, 2), **more):
    """Gaussian data of a power law, whose axes are the coordinates."""
    fixed = {
        "source": "gaussian",
        "spectrum": "power_law",
        "rotated": False,
        "architecture": "two_layer",
        "dimension": DIMENSION,
    }
    return [Cell.of(**{**fixed, "rate": r, "seed": s, **more}) for r in rate for s in seed]


SEARCH = """
name: searched
axes: {source: sparse, architecture: two_layer, sparsity: [0.3, 0.5], rate: 1.0, dimension: 8}
search:
  over:
    learning_rate: {low: 1e-3, high: 1e-1, log: true}
    surrogate_width: {low: 0.1, high: 0.9}
    tied: [false, true]
    refit: [false]
  budget: 3
"""


def searching(rate=(0.5, 1.0), **more):
    """Points with three trials each, the defaults among them."""
    tried = ({}, {"learning_rate": 0.003, "surrogate_width": 0.6}, {"learning_rate": 0.05, "tied": True})
    return [cell for trial in tried for cell in cells(rate=rate, init="random", **{**more, **trial})]


# The cells that a figure is tested on, where it does not take those of `cells`; and the study that asked for them.
FITTING = {"zoo": zoo, "hyperparameters": searching, "allocation": spectra}
STUDIES = {"hyperparameters": SEARCH}


def make(
    place,
    members,
    minimizers=False,
    status="converged",
    outcome=outcome,
    observables=("localization", "tying"),
    study="",
    encoder=encoder,
):
    """A store with one part that holds these cells, perhaps with the study of them; its grid are the cells at their defaults."""
    good = status not in ("failed", "diverged")
    rows = [
        {**cell.settings, **(outcome(cell) if good else {}), "cell_key": cell.key, "status": status, "pack_key": "pack",
         "schema_version": SCHEMA_VERSION, **(TRAINED if good else {})}
        for cell in members
    ]  # fmt: skip
    schema = outcome_schema([cell.settings for cell in members], observables)
    kept = [
        {"cell_key": cell.key, "pack_key": "pack", "name": "encoder", "rows": matrix.shape[0], "columns": matrix.shape[1],
         "values": matrix.ravel().tolist()}
        for cell in members for matrix in [encoder(cell)]
    ] if minimizers else None  # fmt: skip
    writer = StoreWriter(str(place))
    writer.create()
    table = pa.Table.from_pylist(kept, schema=MINIMIZERS) if kept else None
    writer.publish("pack", pa.Table.from_pylist(rows, schema=schema), None, table)
    if study:
        defaults = {"learning_rate": 0.02, "surrogate_width": 0.2, "tied": False}
        writer.keep_study(study, [c.key for c in members if all(c.settings.get(n) == v for n, v in defaults.items())])
    return open_store(place)
