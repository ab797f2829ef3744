"""Rounds: what a study's `refine` or `search` section asks for next, from the outcomes in its store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from explorer.cells import Cell
from explorer.store import Store
from explorer.study import Study


@dataclass(frozen=True, slots=True)
class Next:
    """The cells to train next, none where there is nothing more to do, and what a person is told."""

    cells: Sequence[Cell]
    said: tuple[str, ...] = ()


class Rounds(Protocol):
    """A section that proposes cells: a function of the study and of what is in the store, and of nothing else."""

    section: str

    def propose(self, store: Store) -> Next: ...


def rounds_of(study: Study) -> Rounds | None:
    """What proposes cells for a study; nothing for one whose grid is all."""
    if study.refine is not None:
        from explorer.proposers.refinement import Refinement

        return Refinement(study)
    if study.search is not None:
        from explorer.proposers.search import HyperparameterSearch

        return HyperparameterSearch(study)
    return None
