"""Text that a terminal shows as it is."""

from __future__ import annotations


def printable(text: str, longest: int = 80) -> str:
    """Text without line breaks or control characters, cut after `longest`."""
    text = escaped(text[: longest + 1])
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def escaped(text: str) -> str:
    """Text with what moves a cursor, changes a colour or cannot be shown written as Python writes it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
