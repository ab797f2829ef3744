"""A store as it grows: its page's data again whenever there are new files, no oftener than a fifth of the time goes into it."""

from __future__ import annotations

import hashlib
import threading
import time
from datetime import UTC, datetime
from typing import Any

from explorer.errors import StoreError
from explorer.report.contents import View, contents
from explorer.report.details import details
from explorer.report.page import json_text, page
from explorer.store import Store, open_store

FEWEST_SECONDS = 2.0
FOLDERS = (
    ("cells", ".parquet"),
    ("curves", ".parquet"),
    ("minimizers", ".parquet"),
    ("failures", ".parquet"),
    ("studies", ""),
)


class Live:
    """What a server shows of a store; safe to ask from several threads.

    `look` sees what is new in the store, where the last look is long enough ago, and else answers from memory. A store that
    cannot be read for a while leaves what was there, and says so.
    """

    def __init__(self, address: str, view: View) -> None:
        self.view = view
        self._address = address
        self._looking, self._asking = threading.Lock(), threading.Lock()
        self._listing: Any = None
        self._next = 0.0
        self._store = open_store(address)
        self._asked = self._store.refresh()
        self._data: dict[str, Any] = {}
        self._news = self.mark = ""
        self._see(self._store)

    def look(self) -> dict[str, str]:
        """What to say of the store now, and the mark of its data, which changes when they do."""
        with self._looking:
            if time.monotonic() >= self._next:
                begin = time.monotonic()
                try:
                    self._see(self._store.refresh())
                except StoreError as error:
                    self._news = f"The store cannot be read now; this is what was there. {error}"
                self._next = time.monotonic() + max(FEWEST_SECONDS, 5 * (time.monotonic() - begin))
            return {"mark": self.mark, "news": self._news}

    def _see(self, store: Store) -> None:
        listing = [store.files.listing(folder, suffix) for folder, suffix in FOLDERS]
        if listing != self._listing:
            data = contents(store, self.view)
            mark = hashlib.sha256(json_text(data).encode("utf-8", "backslashreplace")).hexdigest()[:16]
            self._data, self.mark, self._listing, self._store = data, mark, listing, store
        self._news = _news(store.status())

    def data(self) -> dict[str, Any]:
        """The page's data as last seen."""
        with self._looking:
            return {**self._data, "live": True, "mark": self.mark, "news": self._news}

    def page(self) -> bytes:
        """The page."""
        return page(self.data(), live=True)

    def cell(self, key: str) -> dict[str, Any] | None:
        """The details of one cell, or None where there is no such cell."""
        with self._asking:
            found = details(self._asked, [key])
            if key not in found:
                self._asked = self._asked.refresh()
                found = details(self._asked, [key])
        return found.get(key)


def _news(status: dict[str, Any]) -> str:
    """How far the store is, in a sentence."""
    said = [
        f"{status['done']:,} of {status['planned']:,} planned cells"
        if status["planned"]
        else f"{status['cells']:,} cells"
    ]
    said.append("no run yet" if status["state"] == "never run" else f"the latest run is {status['state']}")
    if status["seconds_left"] is not None:
        said.append(f"about {max(1, round(status['seconds_left'] / 60))} min left")
    return f"Live: {', '.join(said)}; as of {datetime.now(UTC):%H:%M:%S} UTC."
