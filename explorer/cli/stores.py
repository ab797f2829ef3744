"""Commands on a store: status, compact and query."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from explorer.cli.speech import INTERRUPTED, Format, StoreDir, app, example, give, guarded, say
from explorer.plain_text import escaped
from explorer.table_text import table_text

if TYPE_CHECKING:
    import pandas as pd

    from explorer.store import Store

# Of more packs a person sees the latest.
MOST_PACKS = 40
WATCH_EVERY_SECONDS = 5.0


@app.command(epilog=example("explorer status results/demo --failures"))
@guarded
def status(
    store: StoreDir,
    failures: Annotated[
        bool, typer.Option("--failures", help="What went wrong: kinds of failure, and the first traceback of each.")
    ] = False,
    packs: Annotated[
        bool, typer.Option("--packs", help="Packs that are trained: where, when, and how long each phase took.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again until no run is going on; Ctrl-C leaves.")
    ] = False,
    form: Format = "table",
) -> None:
    """Show how far a store is, while a run is going on or after it."""
    import pandas as pd

    from explorer.errors import StoreError
    from explorer.store import open_store

    if failures + packs + watch > 1:
        raise StoreError("status: found several of --failures, --packs and --watch, expected one of them.")
    opened = open_store(store)
    if watch:
        _watch(opened, form)
    elif failures:
        _show_failures(opened.failures(), form)
    elif packs:
        _show_packs(opened.packs(), form)
    else:
        give(table_text(pd.DataFrame([opened.status()]), form))


def _show_failures(found: pd.DataFrame, form: str) -> None:
    """One table; for a person what all rows lack is left out, and each traceback stands below in full."""
    if form != "table":
        give(table_text(found, form))
        return
    if found.empty:
        say("no cell failed, and none diverged")
        return
    give(table_text(found.drop(columns=["error", "traceback"]), form))
    for row in found.to_dict("records"):
        if row["status"] == "failed":
            lines = str(row["traceback"] or row["error"]).split("\n")
            give("\n".join([f"\n{row['cells']} cells, for example {row['cell_key']}:", *map(escaped, lines)]))


def _show_packs(found: pd.DataFrame, form: str) -> None:
    """One table; for a person the latest packs, and what all of them spent their time on."""
    if form != "table" or found.empty:
        give(table_text(found, form))
        return
    give(table_text(found.tail(MOST_PACKS), form))
    if len(found) > MOST_PACKS:
        say(f"the latest {MOST_PACKS} of {len(found)} packs; --format csv gives all")
    phases = {name: found[f"{name}_seconds"].sum() for name in ("compile", "train", "evaluate", "publish")}
    whole = sum(phases.values()) or 1.0
    shares = ", ".join(f"{name} {seconds:.1f} s ({seconds / whole:.0%})" for name, seconds in phases.items())
    say(f"{len(found)} packs, {found['cells'].sum()} cells: {shares}")


def _watch(opened: Store, form: str) -> None:
    """The status, again and again until no run is going on; a large store is asked less often."""
    import time

    import pandas as pd

    while True:
        begin = time.monotonic()
        found = opened.refresh().status()
        give(table_text(pd.DataFrame([found]), form))
        if found["state"] != "running":
            return
        try:
            time.sleep(max(WATCH_EVERY_SECONDS, 5 * (time.monotonic() - begin)))
        except KeyboardInterrupt:
            return


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
    """Merge a store's many small files into few; delete what they replaced, and checkpoints of a month ago.

    Safe at any time: while runs write, while others read, and to stop.
    """
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
    sql: Annotated[str, typer.Argument(metavar="SQL", help="DuckDB SQL over cells, curves, minimizers and failures.")],
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
