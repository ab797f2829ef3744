"""The command that moves damaged files of a store aside."""

from __future__ import annotations

from typing import Annotated

import typer

from explorer.cli.speech import SOME_FAILED, Format, StoreDir, app, example, give, guarded, say
from explorer.table_text import table_text


@app.command(epilog=example("explorer repair results/demo --dry-run"))
@guarded
def repair(
    store: StoreDir,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    keep_rows: Annotated[
        bool,
        typer.Option(
            "--keep-rows", help="Keep the rows of cells whose curves or minimizers are lost; no run trains them again."
        ),
    ] = False,
    form: Format = "table",
) -> None:
    """Read every file of a store whole; move damaged ones into its quarantine, so that a run trains their cells again.

    Nothing is deleted. Exit code 0: nothing is damaged, 3: something is, 2: it could not be repaired.
    """
    import pandas as pd

    from explorer.store.repair import COLUMNS
    from explorer.store.repair import repair as mend

    done = mend(store, dry_run, keep_rows)
    if not done.found:
        if form != "table":
            give(table_text(pd.DataFrame(columns=list(COLUMNS)), form))
        say(f"{store}: nothing is damaged")
        return
    give(table_text(pd.DataFrame([one.row() for one in done.found]).astype({"cells": "Int64"}), form))
    if done.quarantine:
        say(f"what was moved is in {store.rstrip('/')}/{done.quarantine}; nothing was deleted")
    if done.missing is not None:
        say(
            f"{done.missing} planned cells have no row now. To train them, and to restore what studies had planned, run every "
            f"study again: explorer run STUDY --out {store}"
        )
    raise typer.Exit(SOME_FAILED)
