"""The only code that writes outcomes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from explorer.records import CURVES, MINIMIZERS, SCHEMA_VERSION, schema_digest
from explorer.store.files import Files
from explorer.store.parts import part_file, stamp
from explorer.store.reader import open_store
from explorer.store.rounds import Proposed, write_round

FOLDERS = ("cells", "curves", "minimizers", "studies", "runs")


def study_name(text: str) -> str:
    """The name under which a study's text is kept."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class StoreWriter:
    """Writes parts into a store, each visible whole, `cells` last: a cell is done when its row can be seen."""

    def __init__(self, root: str) -> None:
        self.files = Files(root)

    def create(self) -> None:
        """Mark the place as a store; harmless where it is one already."""
        if self.files.exists("store.json"):
            open_store(self.files.address)  # refuses a newer version
        else:
            self.files.publish("store.json", json.dumps({"explorer_store": SCHEMA_VERSION}).encode())
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

    def publish(
        self, pack_key: str, cells: pa.Table, curves: pa.Table | None = None, minimizers: pa.Table | None = None
    ) -> None:
        """Publish one pack. Its name is made of its cells, so that of the same pack trained twice the later part counts."""
        when = stamp()
        for folder, table, schema in (("curves", curves, CURVES), ("minimizers", minimizers, MINIMIZERS)):
            if table is not None and table.num_rows:
                self.files.publish_table(part_file(folder, pack_key, when), table.cast(schema))
        self.files.publish_table(part_file("cells", f"{schema_digest(cells.schema)}-{pack_key}", when), cells)
