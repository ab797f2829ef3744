"""The works that figures cite, read from `references.bib`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from explorer.errors import AnalysisError
from explorer.registry import nearest

FILE = Path(__file__).parent / "references.bib"
_ENTRY = re.compile(r"^@\w+\{([^,\s]+),.*?^\}", re.MULTILINE | re.DOTALL)


@lru_cache(maxsize=1)
def entries() -> dict[str, str]:
    """BibTeX entries by key, as they stand in the file."""
    return {found[1]: found[0] for found in _ENTRY.finditer(FILE.read_text(encoding="utf-8"))}


def bibtex(keys: Iterable[str]) -> str:
    """These entries, each once, in the order given; AnalysisError for a key that is not in the file."""
    known = entries()
    for key in keys:
        if key not in known:
            raise AnalysisError(f'paper: no entry "{key}" in references.bib.{nearest(key, known)}')
    return "\n\n".join(known[key] for key in dict.fromkeys(keys)) + "\n"
