"""What the studies of a store searched over: read from their YAML, so that it is known where no cell can be trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from explorer import yaml_text
from explorer.errors import StudyError


@dataclass(frozen=True, slots=True)
class Searched:
    """The searched settings with their ranges or values as written, over all studies, and whether trials were pruned.

    `over` is empty where no study of the store has a section `search`. With a pruner there are trials of fewer `steps`.
    """

    over: Mapping[str, Any] = field(default_factory=dict)
    pruned: bool = False

    def point(self, settings: Iterable[str]) -> list[str]:
        """Those of these settings that name a grid point: trials of one point agree in them."""
        left_out = {*self.over, *(("steps",) if self.pruned else ())}
        return [name for name in settings if name not in left_out]


def read_searched(texts: Iterable[str]) -> Searched:
    """What these studies search over; of a setting that several give, the range of the first."""
    over: dict[str, Any] = {}
    pruned = False
    for text in texts:
        if "search" not in text:
            continue
        try:
            document, _ = yaml_text.parse(text, "study")
        except StudyError:  # of a newer version: its cells are there, its search is not understood
            continue
        section = document.get("search") if isinstance(document, dict) else None
        if isinstance(section, dict) and isinstance(section.get("over"), dict):
            over = {**section["over"], **over}
            pruned = pruned or section.get("pruner", "none") != "none"
    return Searched(over, pruned)
