"""The command on a hyperparameter search: search."""

from __future__ import annotations

from typing import Annotated

import typer

from explorer.cli.speech import Format, StoreDir, app, example, give, guarded, one_blas_thread, say
from explorer.table_text import table_text


@app.command(epilog=example("explorer search results/search --importances"))
@guarded
def search(
    store: StoreDir,
    importances: Annotated[
        bool, typer.Option("--importances", help="How much each searched setting matters (PED-ANOVA, by Optuna).")
    ] = False,
    regret: Annotated[
        bool, typer.Option("--regret", help="Best loss so far above the best at the end, against the number of trials.")
    ] = False,
    optuna: Annotated[
        str | None,
        typer.Option("--optuna", metavar="URL", help="Write one Optuna study a point, e.g. to sqlite:///search.db."),
    ] = None,
    where: Annotated[
        str | None, typer.Option("--where", help="SQL condition on cells, e.g. \"init = 'random'\".")
    ] = None,
    form: Format = "table",
) -> None:
    """Show what a search found at every point: trials, best loss, what the defaults have, the best values."""
    one_blas_thread()
    from explorer.analysis.best import SEED, search_table, search_trials
    from explorer.analysis.best import regret as regret_of
    from explorer.analysis.table import single
    from explorer.errors import AnalysisError
    from explorer.store import open_store

    if importances + regret + (optuna is not None) > 1:
        raise AnalysisError("search: found several of --importances, --regret and --optuna, expected one of them.")
    opened = open_store(store)
    trials = search_trials(opened, where)
    searched = opened.searched
    if not (importances or optuna is not None):
        found = regret_of(trials) if regret else search_table(trials, list(searched.over), opened.settings)
        give(table_text(found, form))
        return
    from explorer.proposers import search_export

    if importances:
        give(table_text(search_export.importances(trials, searched), form))
        return
    by = [n for n in searched.point(opened.settings) if n == SEED or (n != "code_dimension" and not single(trials[n]))]
    names = search_export.export(trials, searched, by, str(optuna))
    say(f"wrote {len(names)} studies; to look at them: optuna-dashboard {optuna}")
