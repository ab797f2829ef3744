"""What is kept of an exception: its message and its traceback, whatever an exception of a plug-in has in them."""

from __future__ import annotations

import traceback

ERROR_LENGTH = 2000
# The frames at the beginning and at the end say where; what is between may be a recursion.
TRACEBACK_LENGTH = 8000


def described(error: BaseException) -> tuple[str, str]:
    """An exception as `TypeName: message` and as its traceback, both fit for a store: no lone surrogates, and not without end."""
    try:
        message = str(error)
    except Exception as second:  # an exception of a plug-in may fail to say what it is
        message = f"its message cannot be had: {type(second).__name__}"
    whole = f"{type(error).__name__}: {message}"
    try:
        trace = "".join(traceback.format_exception(error))
    except Exception:
        trace = "".join(traceback.format_tb(error.__traceback__)) + whole
    return _stored(whole)[:ERROR_LENGTH], shortened(trace)


def shortened(trace: str) -> str:
    """A traceback of at most TRACEBACK_LENGTH characters."""
    text = _stored(trace).strip()
    if len(text) <= TRACEBACK_LENGTH:
        return text
    half = TRACEBACK_LENGTH // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters …\n{text[-half:]}"


def _stored(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
