"""The command that compares two studies."""

from __future__ import annotations

from typing import Annotated

import typer

from explorer.cli.speech import By, Format, app, example, give, guarded, listed, one_blas_thread, say
from explorer.table_text import table_text


@app.command(epilog=example("explorer compare results/first results/second --along sparsity --by rate"))
@guarded
def compare(
    first: Annotated[str, typer.Argument(metavar="DIR1", help="Store: a directory, or a URI.")],
    second: Annotated[str, typer.Argument(metavar="DIR2", help="The other store.")],
    along: Annotated[str, typer.Option("--along", help="Axis along which the phase changes.")],
    by: By = None,
    order: Annotated[str, typer.Option("--order", help="Order parameter.")] = "localization",
    form: Format = "table",
) -> None:
    """Compare two studies: equal cells, means of shared points, boundaries; csv and json give points and boundaries in one table."""
    one_blas_thread()
    import pandas as pd

    from explorer.analysis import READ
    from explorer.analysis.compare import KEY, compare
    from explorer.analysis.table import varying
    from explorer.store import open_store

    opened = [open_store(store) for store in (first, second)]
    named = listed(by)
    left, right = (store.outcomes((*READ, KEY, order, along, *named)) for store in opened)
    others = varying(right, opened[1].settings, (along,))
    columns = named if by else [name for name in varying(left, opened[0].settings, (along,)) if name in others]
    settings = list(dict.fromkeys(name for store in opened for name in store.settings))
    found = compare(left, right, along, columns, order, settings=settings)
    for note in found.notes:
        say(note)
    say(found.verdict)
    if form == "table":
        give(table_text(found.boundaries, form))
        differing = found.points[found.points["differs"] | (found.points["different"] > 0)]
        if len(differing):
            give(table_text(differing, form))
        return
    both = {"point": found.points, "boundary": found.boundaries}
    stacked = [part.assign(kind=kind).astype(object) for kind, part in both.items() if len(part)]
    every = pd.concat(stacked, ignore_index=True) if stacked else found.points
    give(table_text(every[["kind", *(c for c in every if c != "kind")]] if stacked else every, form))
