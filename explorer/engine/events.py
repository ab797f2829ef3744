"""What happens in a run, as lines of its log: text for a person, or one JSON object a line; docs/observability.md names the events."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

from explorer.errors import EngineError
from explorer.plain_text import escaped

log = logging.getLogger("explorer")

# What an attribute of a log record is called that holds the event, and the fields that all events of a run share.
_EVENT, _FIELDS = "explorer_event", "explorer_fields"
_about: dict[str, Any] = {}


def event(name: str, text: str, level: int = logging.INFO, /, **fields: Any) -> None:
    """Log an event: its text, and in JSON also its name and fields."""
    log.log(level, "%s", text, extra={_EVENT: name, _FIELDS: fields})


@contextlib.contextmanager
def about(**fields: Any) -> Iterator[None]:
    """Every event inside has these fields too, in JSON: which run, which study."""
    before = dict(_about)
    _about.update(fields)
    try:
        yield
    finally:
        _about.clear()
        _about.update(before)


class LineFormatter(logging.Formatter):
    """One line a record, whatever is in it: control characters of messages are escaped."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return escaped(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line, in ASCII: time (UTC, ISO 8601, milliseconds), level, event, message, and the event's fields."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": getattr(record, _EVENT, "message"),
            **_about,
            "message": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return json.dumps({name: _plain(value) for name, value in said.items()}, default=str, allow_nan=False)


class _Handler(logging.StreamHandler[TextIO]):
    """A log that cannot be written, on a full disk or to a pipe that nobody reads, ends no run."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        del record


class _Lines(io.TextIOBase):
    """In place of sys.stderr: every line that is printed there is an event, so that each line there is JSON."""

    def __init__(self, handler: _Handler, below: TextIO) -> None:
        self.handler, self.below, self.begun = handler, below, ""

    def write(self, text: str) -> int:
        *whole, self.begun = (self.begun + text).split("\n")
        for line in whole:
            if line.strip() and line != self.handler.last:  # said already, as an event of its own
                event("message", line)
        return len(text)

    def fileno(self) -> int:
        return self.below.fileno()


@contextlib.contextmanager
def logged_by(handler: logging.Handler) -> Iterator[None]:
    """For the length of a `with` this handler takes all events, and they go no further than to such handlers."""
    level, propagate = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagate


@contextlib.contextmanager
def json_log(target: str) -> Iterator[None]:
    """Events as JSON lines, added to a file, or on standard error where the target is `-`, which then holds nothing else.

    Raises EngineError where the file cannot be written.
    """
    before = sys.stderr
    with contextlib.ExitStack() as until_done:
        if target == "-":
            handler = _Handler(sys.stderr)
            sys.stderr = _Lines(handler, before)
        else:
            try:
                stream = open(target, "a", encoding="utf-8")  # noqa: SIM115  its last lines may not fit on the disk
            except OSError as error:
                raise EngineError(
                    f"--log-json {target}: cannot be written: {error.strerror}; expected a file in a directory that exists, "
                    "or - for standard error."
                ) from None
            until_done.enter_context(contextlib.suppress(OSError))
            until_done.callback(stream.close)
            handler = _Handler(stream)
        handler.setFormatter(JsonFormatter())
        try:
            with logged_by(handler):
                yield
        finally:
            sys.stderr = before


def _plain(value: Any) -> Any:
    """Numbers that JSON does not know as text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
