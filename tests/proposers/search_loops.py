"""Searches without training: a loss that is a function of the settings, and the rounds of a run."""

import math

import pyarrow as pa

from explorer.proposers.search import HyperparameterSearch
from explorer.records import SCHEMA_VERSION, outcome_schema
from explorer.store import StoreWriter, open_store, study_name
from explorer.study import Study

LEARNING_RATE = "learning_rate: {low: 1e-3, high: 1e-1, log: true}"
WIDTH = "surrogate_width: {low: 0.05, high: 1, log: true}"
BEST_RATE, BEST_WIDTH = 0.003, 0.6


def text(over=(LEARNING_RATE, WIDTH), search="budget: 12, batch: 4", axes="", sparsity="[0.4, 0.6]", seed="{count: 2}"):
    """A study of a few points with a search."""
    return f"""
name: mine
axes:
  source: sparse
  architecture: two_layer
  sparsity: {sparsity}
  rate: 1.0
  dimension: 8
  seed: {seed}
  {axes}
search:
  {{over: {{{", ".join(over)}}}, {search}}}
"""


def study(*arguments, **changes):
    return Study(text(*arguments, **changes), "mine.yaml")


def bowl(cell):
    """A loss whose lowest value is at a small learning rate and a large width, a little lower at a smaller sparsity."""
    settings = cell.settings
    away = math.log(settings["learning_rate"] / BEST_RATE) ** 2
    away += math.log(settings.get("surrogate_width", BEST_WIDTH) / BEST_WIDTH) ** 2
    return 0.3 + 0.05 * away + 0.1 * settings["sparsity"] + 0.001 * settings["seed"] + 10 / settings["steps"]


def publish(writer, cells, loss=bowl, name="pack"):
    """Train cells: a loss of None fails, one of NaN diverges."""
    rows = []
    for cell in cells:
        value = loss(cell)
        good = value is not None and math.isfinite(value)
        status = "budget" if good else "failed" if value is None else "diverged"
        rows.append({**cell.settings, "cell_key": cell.key, "status": status, "loss": value if good else None,
                     "localization": 0.5 if good else None, "pack_key": name, "schema_version": SCHEMA_VERSION})  # fmt: skip
    schema = outcome_schema([cell.settings for cell in cells], ("localization",))
    writer.publish(name, pa.Table.from_pylist(rows, schema=schema))


def begin(checked, place, loss=bowl):
    """A store in which the grid is trained."""
    writer = StoreWriter(str(place))
    writer.create()
    writer.keep_study(checked.text, [cell.key for cell in checked.cells])
    publish(writer, checked.cells, loss, "grid")
    return writer


def rounds(checked, place, loss=bowl, most=200):
    """All rounds of a search, as the engine makes them: the cells of each."""
    writer = begin(checked, place, loss)
    made = []
    while True:
        cells = HyperparameterSearch(checked).propose(open_store(place)).cells
        if not cells:
            return made
        made.append(cells)
        assert len(made) < most
        writer.keep_round(study_name(checked.text), "search", len(made), cells)
        publish(writer, cells, loss, f"round{len(made)}")
