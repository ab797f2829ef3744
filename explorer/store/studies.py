"""The texts of the studies that were run into a store, each under a name made of it."""

from __future__ import annotations

import hashlib
import os

from explorer.store.files import Files
from explorer.store.parts import unreadable

SUFFIX = ".yaml"


def study_name(text: str) -> str:
    """The name under which a study's text is kept."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def is_text(path: str) -> bool:
    """Whether a file of `studies` is called as a study's text is."""
    name = os.path.basename(path).removesuffix(SUFFIX)
    return path.endswith(SUFFIX) and len(name) == 12 and not set(name) - set("0123456789abcdef")


def read_texts(files: Files) -> list[str]:
    """The studies' texts in the order of their names. Raises Unreadable where one is not the text that its name says."""
    return [_text(path, files.read(path)) for path in files.listing("studies", SUFFIX) if is_text(path)]


def _text(path: str, content: bytes) -> str:
    flaw = flaw_of_text(path, content)
    if flaw:
        raise unreadable(path, flaw)
    return content.decode()


def flaw_of_text(path: str, content: bytes) -> str | None:
    """What is wrong with a study's text, if anything."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return "it is not text"
    name = os.path.basename(path).removesuffix(SUFFIX)
    return None if study_name(text) == name else "it is not the text that its name was made of"
