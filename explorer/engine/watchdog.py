"""Ending a process that hangs, so that another can go on without what made it hang."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator

TELL_SECONDS = 30.0
LOOK_SECONDS = 5.0
STANDARD_ERROR = 2


class Watchdog:
    """Ends this process when work goes for more than `limit` seconds without a pulse; 0 is for ever.

    `tell` is given what hung and where, and has half a minute for it. Code that holds the interpreter's lock keeps every Python
    thread from running: then the interpreter's own timer ends the process a little later, and prints where it hung.
    """

    def __init__(self, limit: float, tell: Callable[[str], None] = lambda message: None) -> None:
        self.limit, self.tell = limit, tell
        self._since: float | None = None
        self._watched = threading.get_ident()
        if limit > 0:
            threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def pulse(self) -> None:
        """Say that work goes on."""
        if self._since is not None:
            self._since = time.monotonic()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Work that is watched, by the thread that does it."""
        self._watched, self._since = threading.get_ident(), time.monotonic()
        try:
            yield
        finally:
            self._since = None

    def _watch(self) -> None:
        pause = min(LOOK_SECONDS, self.limit / 4)
        while True:
            with contextlib.suppress(OSError):  # a process without a standard error has no such timer
                faulthandler.dump_traceback_later(self.limit + 2 * pause, exit=True, file=STANDARD_ERROR)
            time.sleep(pause)
            since = self._since
            if since is not None and time.monotonic() - since > self.limit:
                self._end()

    def _end(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        frame = sys._current_frames().get(self._watched)
        stack = traceback.extract_stack(frame) if frame else []
        where = f" in {stack[-1].name}, {stack[-1].filename}:{stack[-1].lineno}" if stack else ""
        message = f"no slice of steps was finished within {self.limit:g} s (resources.time_limit): it hung{where}"
        os.write(STANDARD_ERROR, f"{''.join(traceback.format_list(stack))}{message}\n".encode())
        teller = threading.Thread(target=self.tell, args=(message,), daemon=True)
        teller.start()
        teller.join(TELL_SECONDS)
        os._exit(1)
