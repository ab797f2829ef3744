"""A store as it grows: its page's data again whenever there are new files, no oftener than a fifth of the time goes into it."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

from explorer.errors import StoreError
from explorer.report.columns import read_cells
from explorer.report.contents import View, about
from explorer.report.details import details
from explorer.report.growth import State
from explorer.report.page import page
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
    memory. `data` gives all, or to a page that has earlier data what it lacks. A store that cannot be read for a while leaves what
    was there, and says so.
    """

    def __init__(self, address: str, view: View) -> None:
        self.view = view
        self._address = address
        self._looking, self._asking = threading.Lock(), threading.Lock()
        self._next = 0.0
        self._store = open_store(address)
        self._asked, self._asked_at = self._store.refresh(), ""
        self._listing = _listing(self._store)
        self._seen = self._read(self._store), _news(self._store.status())

    def look(self) -> dict[str, str]:
        """What to say of the store now, and the mark of its data, which changes when they do."""
        if time.monotonic() >= self._next and self._looking.acquire(blocking=False):
            begin = time.monotonic()
            try:
                self._see(self._store.refresh())
            except StoreError as error:
                state, _ = self._seen
                self._seen = state, f"The store cannot be read now; this is what was there. {error}"
            finally:
                self._next = time.monotonic() + max(FEWEST_SECONDS, 5 * (time.monotonic() - begin))
                self._looking.release()
        state, news = self._seen
        return {"mark": state.mark, "news": news}

    def _see(self, store: Store) -> None:
        state, _ = self._seen
        listing = _listing(store)
        if listing != self._listing:
            state, self._listing, self._store = self._read(store, state), listing, store
        self._seen = state, _news(store.status())

    def _read(self, store: Store, before: State | None = None) -> State:
        cells = read_cells(store, self.view.where)
        said = about(store, self.view, cells)
        return State(cells, said) if before is None else before.then(cells, said)

    def data(self, since: str | None = None) -> dict[str, Any]:
        """The page's data as last seen; for a page with a mark what is new to it, where that is known."""
        state, news = self._seen
        return {**(state.whole() if since is None else state.since(since)), "live": True, "news": news}

    def page(self) -> bytes:
        """The page."""
        return page(self.data(), live=True)

    def cell(self, key: str) -> dict[str, Any] | None:
        """The details of one cell, or None where there is no such cell."""
        with self._asking:
            mark = self._seen[0].mark
            found = details(self._asked, [key]) if mark == self._asked_at else {}
            if key not in found:
                self._asked, self._asked_at = self._asked.refresh(), mark
                found = details(self._asked, [key])
        return found.get(key)


def _listing(store: Store) -> list[Any]:
    """The files that a page's data come from."""
    return [store.files.listing(folder, suffix) for folder, suffix in FOLDERS]


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
