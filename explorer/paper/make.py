"""From the name of a published figure to its files: run the study, draw, say in a caption what was done."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from explorer.engine import RunSummary, run_study
from explorer.errors import AnalysisError, StoreError
from explorer.figures import composite
from explorer.figures.base import Options
from explorer.figures.render import FORMATS
from explorer.paper.base import papers
from explorer.paper.caption import caption
from explorer.registry import nearest
from explorer.store import Store, open_store
from explorer.store.files import Files
from explorer.study import load_study

RESULTS = "results/paper"


@dataclass(frozen=True, slots=True)
class Made:
    """What was written: a picture with .csv, .parquet and .caption.txt beside it; and how the run went, where one was asked for.

    There is no picture of a run that was interrupted.
    """

    store: str
    picture: Path | None
    caption: str
    summary: RunSummary | None

    @property
    def interrupted(self) -> bool:
        return self.summary is not None and self.summary.interrupted


def make(
    name: str,
    size: str = "quick",
    out: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    form: str = "pdf",
    address: str | None = None,
    run: bool = True,
    progress: bool = True,
) -> Made:
    """Run the study of a published figure into `out` (default results/paper/NAME-SIZE), draw into `folder` (default out/figures).

    What the store has is not trained again; `run=False` trains nothing and draws from what is there. `form` is pdf, png or svg. An
    interrupted run draws nothing; one that lacks cells draws what there is, and the caption says how many there are.
    Raises StudyError for an unknown name or size, AnalysisError and StoreError where something cannot be drawn or written.
    """
    entry = papers[name]
    if form not in FORMATS:
        raise AnalysisError(
            f'paper: found the format "{form}", expected one of {", ".join(FORMATS)}.{nearest(form, FORMATS)}'
        )
    file = entry.study_file(name, size)
    place = out or f"{RESULTS}/{name}-{size}"
    if folder is None and "://" in place:
        raise StoreError(f"paper: {place} is no directory; expected where to write the figures, with --figures DIR.")
    summary = run_study(load_study(file), place, address, progress=progress) if run else None
    if summary is not None and summary.interrupted:
        return Made(place, None, "", summary)
    target = Path(folder) if folder is not None else Path(place) / "figures"
    picture, said = draw(name, open_store(place), target, form)
    return Made(place, picture, said, summary)


def draw(name: str, store: Store, folder: Path, form: str = "pdf") -> tuple[Path, str]:
    """Draw the figure of an entry from any store that has what it needs; the picture and its caption."""
    entry = papers[name]
    target = folder / f"{name}.{form}"
    composite(store, [(part.figure, Options(**part.options)) for part in entry.drawings], target)
    said = caption(entry, store)
    Files(folder).publish(f"{name}.caption.txt", f"{said}\n".encode())
    return target, said
