"""What a published figure is, and the list of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from explorer.errors import StudyError
from explorer.registry import Registry

SIZES = ("quick", "full")
STUDIES = Path(__file__).parent / "studies"


@dataclass(frozen=True, slots=True)
class Drawing:
    """One part of a published figure: a figure's name, what it shows, and the options that are asked of it."""

    figure: str
    says: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Published:
    """A study in two sizes, `<name>.quick.yaml` and `<name>.full.yaml` in `studies`, and the parts of the figure drawn from its store.

    `title` begins the caption; `after` says which published figure it is made after, or that it is in none; `cites` are keys of
    `references.bib`; `data` names image folders that must be there. Entries are listed by `place`.
    """

    title: str
    after: str
    drawings: tuple[Drawing, ...]
    cites: tuple[str, ...]
    place: int
    data: tuple[str, ...] = ()
    studies: Path = STUDIES

    def study_file(self, name: str, size: str) -> Path:
        """The study of one size; StudyError for another size than quick and full."""
        if size not in SIZES:
            raise StudyError(f'paper: found the size "{size}", expected one of {", ".join(SIZES)}.')
        return self.studies / f"{name}.{size}.yaml"


papers: Registry[Published] = Registry("paper", "explorer.paper")
