"""Commands on a store: status, compact and query."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from explorer.cli.speech import INTERRUPTED, Format, StoreDir, app, example, give, guarded, say
from explorer.table_text import table_text


@app.command(epilog=example("explorer status results/demo --format json"))
@guarded
def status(store: StoreDir, form: Format = "table") -> None:
    """Show how far a store is, while a run is going on or after it."""
    import pandas as pd

    from explorer.store import open_store

    give(table_text(pd.DataFrame([open_store(store).status()]), form))


@app.command(epilog=example("explorer compact results/demo"))
@guarded
def compact(
    store: StoreDir,
    grace: Annotated[
        float,
        typer.Option(
            "--grace",
            metavar="SECONDS",
            help="Delete replaced files after this time, for those who are reading them; default one hour.",
        ),
    ] = 3600.0,
    form: Format = "table",
) -> None:
    """Merge a store's many small files into few. Safe at any time: while runs write, while others read, and to stop."""
    import pandas as pd

    from explorer.store.addresses import shown
    from explorer.store.compact import compact as merge

    try:
        done = merge(store, grace)
    except KeyboardInterrupt:
        say(f"stopped; nothing is lost. To go on: explorer compact {quote(shown(store))}")
        raise typer.Exit(INTERRUPTED) from None
    give(table_text(pd.DataFrame([folder.row() for folder in done]), form))
    waiting = sum(folder.waiting for folder in done)
    if waiting:
        say(
            f"{waiting} replaced files are kept for those who are reading them; in {grace:g} s explorer compact deletes them"
        )


@app.command(
    epilog=example('explorer query results/demo "SELECT rate, avg(loss) FROM cells GROUP BY rate ORDER BY rate"')
)
@guarded
def query(
    store: StoreDir,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="DuckDB SQL over cells, curves and minimizers.")],
    form: Format = "table",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.parquet", help="Write the answer as Parquet.")
    ] = None,
) -> None:
    """Ask the store in SQL."""
    from explorer.store import open_store

    answer = open_store(store).sql(sql)
    if out is None:
        give(table_text(answer.to_pandas(), form))
        return
    _write_parquet(answer, out)
    say(f"{out}: {answer.num_rows} rows")


def _write_parquet(answer: Any, out: Path) -> None:
    from explorer.errors import StoreError
    from explorer.store.files import Files

    if out.suffix != ".parquet":
        raise StoreError(f'--out: found "{out}", expected a name that ends in .parquet.')
    Files(out.parent).publish_table(out.name, answer)
