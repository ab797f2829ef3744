"""The command that runs and draws published figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from explorer.cli.speech import (
    INTERRUPTED,
    SOME_FAILED,
    Format,
    app,
    example,
    give,
    guarded,
    one_blas_thread,
    say,
    say_why,
)
from explorer.table_text import table_text


@app.command(epilog=example("explorer paper transition --figures figures --as pdf"))
@guarded
def paper(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Which figure; without it, a list of them.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="The paper's scale, for a cluster; default the quick size.")
    ] = False,
    out: Annotated[
        str | None, typer.Option("--out", metavar="DIR", help="Store; default results/paper/<NAME>-quick or -full.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--figures", metavar="DIR", help="Where figures go; default figures in the store.")
    ] = None,
    picture: Annotated[str, typer.Option("--as", metavar="FORMAT", help="pdf, png or svg.")] = "pdf",
    address: Annotated[
        str | None, typer.Option("--address", metavar="ADDR", help="Ray cluster: auto or host:6379; default embedded.")
    ] = None,
    draw_only: Annotated[bool, typer.Option("--draw-only", help="Train nothing; draw what the store has.")] = False,
    bib: Annotated[
        bool, typer.Option("--bib", help="Print the citations of what it shows in BibTeX; do nothing else.")
    ] = False,
    form: Format = "table",
) -> None:
    """Run the study of a published figure and draw it, with its caption, its numbers and its citations. Without a name: the list."""
    from explorer.paper import papers

    if name is None:
        _list(form, bib)
        return
    entry = papers[name]
    if bib:
        from explorer.paper.caption import TOOLS
        from explorer.paper.references import bibtex

        give(bibtex((*entry.cites, *TOOLS)))
        return
    one_blas_thread()
    from explorer.paper import make

    made = make(name, "full" if full else "quick", out, folder, picture, address, run=not draw_only)
    again = f"explorer paper {name}" + (" --full" if full else "")
    if made.interrupted and made.summary is not None:
        say(f"stopped: {made.summary.done} of {made.summary.cells} cells are in {made.store}. To go on: {again}")
        raise typer.Exit(INTERRUPTED)
    if made.picture is not None:
        say(f"wrote {made.picture}, with its numbers and its caption beside it")
        give(made.caption)
    if made.summary is not None and not made.summary.complete:
        say_why(made.summary.reason)
        say(f"{made.summary.cells - made.summary.done} cells are missing. To go on: {again}")
        raise typer.Exit(SOME_FAILED)
    if made.summary is not None and made.summary.failed:
        raise typer.Exit(SOME_FAILED)


def _list(form: str, bib: bool) -> None:
    import pandas as pd

    from explorer.paper import papers

    ordered = sorted(papers.items(), key=lambda item: (item[1].place, item[0]))
    if bib:
        from explorer.paper.caption import TOOLS
        from explorer.paper.references import bibtex

        give(bibtex([key for _, entry in ordered for key in entry.cites] + list(TOOLS)))
        return
    rows = [
        {
            "name": name,
            "title": entry.title,
            "quick": _points(entry.study_file(name, "quick")),
            "full": _points(entry.study_file(name, "full")),
            "parts": len(entry.drawings),
            "images": ", ".join(entry.data) or None,
        }
        for name, entry in ordered
    ]
    give(table_text(pd.DataFrame(rows), form))
    say(
        "quick and full: points of the two sizes, where their images are here. To make one: explorer paper NAME [--full]"
    )


def _points(file: Path) -> int | None:
    """How many points a study has; None where the images that it names are not here."""
    from explorer.errors import StudyError
    from explorer.study import load_study

    try:
        return load_study(file).points
    except StudyError:
        return None
