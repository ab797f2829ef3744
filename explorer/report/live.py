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

    `look` sees what is new in the store, where the last look is long enough ago and nobody else is looking, and else answers from
    memory. A store that cannot be read for a while leaves what was there, and says so.
    """

    def __init__(self, address: str, view: View) -> None:
        self.view = view
        self._address = address
        self._looking, self._asking = threading.Lock(), threading.Lock()
        self._listing: Any = None
        self._next = 0.0
        self._store = open_store(address)
        self._asked = self._store.refresh()
        self._seen: tuple[dict[str, Any], str, str] = ({}, "", "")
        self._see(self._store)

    def look(self) -> dict[str, str]:
        """What to say of the store now, and the mark of its data, which changes when they do."""
        if time.monotonic() >= self._next and self._looking.acquire(blocking=False):
            begin = time.monotonic()
            try:
                self._see(self._store.refresh())
            except StoreError as error:
                data, mark, _ = self._seen
                self._seen = data, mark, f"The store cannot be read now; this is what was there. {error}"
            finally:
                self._next = time.monotonic() + max(FEWEST_SECONDS, 5 * (time.monotonic() - begin))
                self._looking.release()
        _, mark, news = self._seen
        return {"mark": mark, "news": news}

    def _see(self, store: Store) -> None:
        listing = [store.files.listing(folder, suffix) for folder, suffix in FOLDERS]
        data, mark, _ = self._seen
        if listing != self._listing:
            data = contents(store, self.view)
            mark = hashlib.sha256(json_text(data).encode("utf-8", "backslashreplace")).hexdigest()[:16]
            self._listing, self._store = listing, store
        self._seen = data, mark, _news(store.status())

    def data(self) -> dict[str, Any]:
        """The page's data as last seen."""
        data, mark, news = self._seen
        return {**data, "live": True, "mark": mark, "news": news}

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
