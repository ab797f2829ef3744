"""The only code that writes outcomes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from explorer.records import CURVES, FAILURES, MINIMIZERS, PACKS, SCHEMA_VERSION, schema_digest
from explorer.store.files import Files
from explorer.store.packs import packs_file
from explorer.store.parts import part_file, stamp
from explorer.store.reader import open_store
from explorer.store.rounds import Proposed, write_round
from explorer.store.studies import study_name

FOLDERS = ("cells", "curves", "minimizers", "failures", "studies", "runs", "checkpoints")


def marker(version: int = SCHEMA_VERSION) -> bytes:
    """What store.json says: the newest schema version of the store's rows."""
    return json.dumps({"explorer_store": version}).encode()


class StoreWriter:
    """Writes parts into a store, each visible whole, `cells` last: a cell is done when its row can be seen."""

    def __init__(self, root: str) -> None:
        self.files = Files(root)

    def create(self) -> None:
        """Mark the place as a store; harmless where it is one already."""
        there = self.files.exists("store.json")
        if not there or open_store(self.files.address).version < SCHEMA_VERSION:  # a newer one is refused
            self.files.publish("store.json", marker())
        for folder in FOLDERS:
            self.files.remove_stale(folder)

    def keep_study(self, text: str, keys: Iterable[str]) -> str:
        """Keep a study's YAML and the keys of its cells; returns the name they are kept under."""
        name = study_name(text)
        self.files.publish_table(
            f"studies/{name}.keys.parquet", pa.table({"cell_key": pa.array(dict.fromkeys(keys), pa.string())})
        )
        self.files.publish(f"studies/{name}.yaml", text.encode())
        return name

    def keep_round(self, study: str, section: str, number: int, cells: Sequence[Proposed]) -> None:
        """Keep what a section of a study proposed; its cells are planned from then on."""
        write_round(self.files, study, section, number, cells)

    def note_run(self, run: str, state: Mapping[str, Any]) -> None:
        """Say how a run is going, for `status` on any machine."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.files.publish(f"runs/{run}.json", json.dumps({**state, "updated_at": now}).encode())

    def note_packs(self, run: str, packs: pa.Table) -> None:
        """Keep what became of the packs of a run so far, all of them, in place of the last call's: a table of schema PACKS."""
        self.files.publish_table(packs_file(run), packs.cast(PACKS))

    def publish(
        self,
        pack_key: str,
        cells: pa.Table,
        curves: pa.Table | None = None,
        minimizers: pa.Table | None = None,
        failures: pa.Table | None = None,
    ) -> int:
        """Publish one pack. Its name is made of its cells, so that of the same pack trained twice the later part counts.

        Returns the bytes written.
        """
        when, written = stamp(), 0
        beside = (("curves", curves, CURVES), ("minimizers", minimizers, MINIMIZERS), ("failures", failures, FAILURES))
        for folder, table, schema in beside:
            if table is not None and table.num_rows:
                written += self.files.publish_table(part_file(folder, pack_key, when), table.cast(schema))
        name = f"{schema_digest(cells.schema)}-{pack_key}"
        return written + self.files.publish_table(part_file("cells", name, when), cells)
