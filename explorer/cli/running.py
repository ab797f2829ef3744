"""Commands that train: plan, run and replay."""

from __future__ import annotations

from shlex import quote
from typing import Annotated

import typer

from explorer.cli.speech import (
    INTERRUPTED,
    SOME_FAILED,
    Format,
    OutDir,
    Plugins,
    StoreDir,
    StudyFile,
    app,
    example,
    give,
    guarded,
    join,
    say,
    say_why,
)
from explorer.table_text import table_text

# A store with so many files is slower to read than it need be.
MANY_PARTS = 500


@app.command(epilog=example("explorer plan studies/demo.yaml"))
@guarded
def plan(study: StudyFile, out: OutDir = None, plugins: Plugins = None, form: Format = "table") -> None:
    """Show what a run would train: cells, packs, what is done already, rough cost. Trains nothing."""
    import pandas as pd

    from explorer.engine import plan_study
    from explorer.engine.progress import duration
    from explorer.store.addresses import shown
    from explorer.study import load_study

    join(plugins)
    planned = plan_study(load_study(study), out)
    row = {
        "study": planned.study.name,
        "store": shown(planned.out),
        "points": planned.study.points,
        "cells": planned.cells,
        "done": planned.done,
        "missing": len(planned.missing),
        "packs": len(planned.packs),
        "slots": planned.slots,
        "shapes": planned.shapes,
        "estimated_seconds": round(planned.seconds, 1) if planned.seconds == planned.seconds else None,
    }
    give(table_text(pd.DataFrame([row]), form))
    if planned.study.points > planned.cells:
        say(f"{planned.study.points - planned.cells} points of the grid are the same cell as another")
    refine, search = planned.study.refine, planned.study.search
    if refine is not None:
        say(f"refine may add up to {refine.budget} cells, in rounds; the estimate is without them")
    if search is not None:
        most = (search.budget - 1) * len(planned.study.cells)
        say(
            f"search adds up to {most} trials, {search.budget - 1} for each cell of the grid; the estimate is without them"
        )
    if planned.missing:
        say(f"about {duration(planned.seconds)} on this machine's processors")


@app.command(epilog=example("explorer run studies/demo.yaml --out results/demo"))
@guarded
def run(
    context: typer.Context,
    study: StudyFile,
    out: OutDir = None,
    address: Annotated[
        str | None,
        typer.Option(
            "--address", metavar="ADDR", help="Ray cluster: auto (on one of its nodes) or host:6379; default embedded."
        ),
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Train failed cells again.")] = False,
    log_json: Annotated[
        str | None,
        typer.Option(
            "--log-json", metavar="FILE", help="One JSON object per event, added to FILE; - for standard error."
        ),
    ] = None,
    metrics: Annotated[
        bool | None,
        typer.Option("--metrics/--no-metrics", help="Metrics for Prometheus, through Ray; default with --address."),
    ] = None,
    plugins: Plugins = None,
) -> None:
    """Train the cells of a study that its store lacks. Run it again to go on after a stop, or to add cells."""
    from explorer.engine import run_study
    from explorer.engine.events import json_log
    from explorer.engine.progress import duration
    from explorer.store.addresses import shown
    from explorer.study import load_study

    if log_json is not None:  # to the end of the command: what it says last are events too
        context.with_resource(json_log(log_json))
    join(plugins)
    checked = load_study(study)
    summary = run_study(checked, out, address, retry_failed, log_json != "-", metrics)
    again = (
        f"explorer run {study}"
        + (f" --out {quote(shown(out))}" if out else "")
        + (f" --address {address}" if address else "")
        + "".join(f" --plugin {quote(str(path))}" for path in plugins or ())
    )
    if summary.interrupted:
        say(f"stopped: {summary.done} of {summary.cells} cells are in {summary.out}. To go on: {again}")
        raise typer.Exit(INTERRUPTED)
    say(
        f"{summary.out}: {summary.done} of {summary.cells} cells, {summary.trained} trained now in {duration(summary.seconds)}, "
        f"{summary.diverged} diverged, {summary.failed} failed"
    )
    if summary.done and summary.diverged == summary.done:
        say("every cell diverged: an outcome like any other, and often a learning_rate that is too high")
    if summary.parts >= MANY_PARTS:
        say(f"{summary.parts} files of cells; explorer compact {quote(summary.out)} makes them few, and reading faster")
    if not summary.complete:
        say_why(summary.reason)
        say(f"{summary.cells - summary.done} cells are missing; see the log in {summary.out}/logs. To go on: {again}")
        raise typer.Exit(SOME_FAILED)
    if summary.failed:
        say(f"why: explorer status {quote(summary.out)} --failures. To retry: {again} --retry-failed")
        raise typer.Exit(SOME_FAILED)


@app.command(epilog=example("explorer replay results/demo 1561d6d15d08db0e3dc6"))
@guarded
def replay(
    store: StoreDir,
    cell_key: Annotated[str, typer.Argument(metavar="CELL_KEY", help="Key of a cell, from query.")],
    plugins: Plugins = None,
    form: Format = "table",
) -> None:
    """Train one stored cell again, alone, and show stored against replayed values."""
    import pandas as pd

    from explorer.engine import replay_cell

    join(plugins)
    compared = replay_cell(store, cell_key)
    rows = [{"column": n, "stored": v, "replayed": compared.replayed[n]} for n, v in compared.stored.items()]
    if form == "table":
        rows = [{k: repr(v) if isinstance(v, float) else v for k, v in row.items()} for row in rows]
    give(table_text(pd.DataFrame(rows), form))
    say(
        "identical to the last bit"
        if compared.identical
        else "not identical: another machine, device, version, plug-in or number of threads"
    )
