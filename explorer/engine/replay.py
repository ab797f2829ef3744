"""Training one stored cell again, alone, to see whether it comes out the same."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from explorer.axes import Value
from explorer.cells import Cell, Pack
from explorer.engine.rows import observed_of
from explorer.errors import ExplorerError, StoreError
from explorer.plugins import described, loaded
from explorer.registry import nearest
from explorer.settings import resolve
from explorer.store import Store, open_store
from explorer.training import PackRun


@dataclass(frozen=True, slots=True)
class Replay:
    """Stored against replayed values, by column; a diverged cell has a status and no numbers."""

    cell_key: str
    stored: dict[str, float | str | None]
    replayed: dict[str, float | str | None]

    @property
    def identical(self) -> bool:
        """Whether every value is the same to the last bit."""
        return self.stored == self.replayed


def replay_cell(store: Store | str | os.PathLike[str], cell_key: str) -> Replay:
    """Train the cell with this key again from its stored settings, in a pack of the stored width with no neighbours.

    On the machine and versions that made the row every value is bit-equal. Raises StoreError where there is no such cell,
    and where this version of explorer gives its settings another key.
    """
    opened = store if isinstance(store, Store) else open_store(store)
    rows = {row["cell_key"]: row for row in opened.arrow(where=f"cell_key = '{_safe(cell_key)}'").to_pylist()}
    if cell_key not in rows:
        keys = opened.keys()
        raise StoreError(
            f'{opened.files.name}: there is no cell "{cell_key}"; the store holds {len(keys)} cells.{nearest(cell_key, keys)}'
        )
    row = rows[cell_key]
    if row.get("plugins") and not loaded():
        raise StoreError(
            f"{opened.files.name}: cell {cell_key} was made with the plug-ins {row['plugins']}; expected --plugin FILE."
        )
    cell = _stored_cell({name: row[name] for name in opened.settings if row[name] is not None})
    if cell.key != cell_key:
        raise StoreError(
            f"{opened.files.name}: cell {cell_key} was made by explorer {row['explorer_version']}, "
            "under which its settings had another meaning; this version cannot replay it."
        )
    threads = torch.get_num_threads()
    torch.set_num_threads(int(row["threads"] or threads))
    try:
        device = "cuda:0" if row["device"] != "cpu" and torch.cuda.is_available() else "cpu"
        run = PackRun(Pack((cell,), int(row["pack_width"] or 1)), device)
        run.advance(run.steps)
        result = run.finish()[0]
    finally:
        torch.set_num_threads(threads)
    observed = observed_of(result) or dict.fromkeys(opened.observables)
    there = opened.columns_of(str(row["pack_key"]))  # an observable may be younger than the row
    names = [name for name in ("status", "loss", "loss_se", *opened.observables) if name in there]
    names += ["plugins"] if row.get("plugins") or loaded() else []
    values: dict[str, float | str | None] = {
        "status": result.status, "loss": result.loss, "loss_se": result.loss_se, "plugins": described(), **observed
    }  # fmt: skip
    return Replay(cell_key, {n: row.get(n) for n in names}, {n: values.get(n) for n in names})


def _stored_cell(settings: dict[str, Value]) -> Cell:
    """A cell as it was stored, settings that are younger than its row at their defaults."""
    try:
        return Cell({**resolve(settings), **settings})
    except ExplorerError:
        return Cell(settings)


def _safe(cell_key: str) -> str:
    return cell_key.replace("'", "")
