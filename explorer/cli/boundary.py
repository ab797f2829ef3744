"""The command that fits boundaries, of a store or of any table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from explorer.cli.speech import By, Format, Plugins, app, example, give, guarded, join, listed, one_blas_thread, say
from explorer.table_text import table_text

if TYPE_CHECKING:
    import pandas as pd

DEFAULT = ("switch", "crossing")
TABLES = (".parquet", ".csv")


@app.command(epilog=example("explorer boundary results/demo --along sparsity --by rate --estimator crossing"))
@guarded
def boundary(
    table: Annotated[
        str,
        typer.Argument(metavar="DIR|FILE", help="A store, or any table: FILE.parquet or FILE.csv with named columns."),
    ],
    along: Annotated[str, typer.Option("--along", help="Axis along which the phase changes.")],
    by: By = None,
    estimator: Annotated[
        str | None,
        typer.Option(
            "--estimator", metavar="NAME", help="explorer boundary --help lists them; default switch and crossing."
        ),
    ] = None,
    order: Annotated[str, typer.Option("--order", help="Order parameter.")] = "localization",
    size: Annotated[str, typer.Option("--size", help="Column of the system's size, for finite_size.")] = "dimension",
    across: Annotated[str | None, typer.Option("--across", help="Second axis, for level_set.")] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Order parameter at the boundary, for level_set; default half-way."),
    ] = None,
    loss: Annotated[str, typer.Option("--loss", help="Column of the loss.")] = "loss",
    seed: Annotated[str, typer.Option("--seed", help="Column that names replicates.")] = "seed",
    start: Annotated[str, typer.Option("--start", help="Column that names the branch.")] = "init",
    trials: Annotated[
        str, typer.Option("--trials", help="Of a search: best (of each point), default (its defaults) or all.")
    ] = "best",
    plugins: Plugins = None,
    form: Format = "table",
) -> None:
    """Fit where the phase changes, with 95 % intervals and the theory beside it; a note says why where there is none.

    Estimators: switch (of the order parameter), crossing (of two branches' losses), level_set (of a field over two axes),
    hysteresis (both spinodals), finite_size (extrapolated in --size) and phases (found without being told).
    """
    one_blas_thread()
    from explorer.analysis import READ, fit_boundary
    from explorer.analysis.table import varying
    from explorer.store import open_store

    join(plugins)
    columns = listed(by)
    wanted = [estimator] if estimator else list(DEFAULT)
    if table.lower().endswith(TABLES):
        frame = _read(Path(table))
        if estimator is None and loss not in frame.columns:
            wanted = ["switch"]
    else:
        opened = open_store(table)
        known = {*wanted} <= {*DEFAULT}
        results = (*READ, order, along, loss, *columns) if known else opened.schema.names
        frame = opened.outcomes(results, trials=trials)
        if opened.searched.over:
            say(f"{trials} trials of the search over {', '.join(opened.searched.over)}")
        pooled = (along, *([size] if estimator == "finite_size" else []), *([across] if across else []))
        columns = columns or varying(frame, opened.settings, pooled)
    fitted = fit_boundary(frame, along, columns, wanted, order, loss, seed, start, size, across, threshold)
    if form == "table":
        fitted = _plainer(fitted)
    give(table_text(fitted, form))


def _plainer(fitted: pd.DataFrame) -> pd.DataFrame:
    """The table without what is the same in all its rows, or missing in all, which is said instead."""
    for name, method in fitted.groupby("estimator", sort=False)["method"].first().items():
        if method:
            say(f"{name}: {method}")
    if fitted["settings"].nunique() == 1 and fitted["settings"].iloc[0]:
        say(f"settings: {fitted['settings'].iloc[0]}")
    dropped = ["method", *(["settings"] if fitted["settings"].nunique() == 1 else [])]
    empty = [c for c in ("width", "theory", "mixed_low", "mixed_high", "extrapolated") if fitted[c].isna().all()]
    return fitted.drop(columns=[*dropped, *empty])


def _read(path: Path) -> pd.DataFrame:
    """Any table of outcomes."""
    import pandas as pd

    from explorer.errors import AnalysisError
    from explorer.registry import nearest

    if not path.exists():
        there = sorted(p.name for p in path.parent.glob("*") if p.suffix in TABLES) if path.parent.is_dir() else []
        raise AnalysisError(f"{path}: no such file; expected a table in Parquet or CSV.{nearest(path.name, there)}")
    try:
        return pd.read_parquet(path) if path.suffix.lower() == ".parquet" else pd.read_csv(path)
    except (ValueError, OSError) as error:  # pandas' and Arrow's errors of what is no table
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise AnalysisError(f"{path}: cannot be read as a table: {first}") from None
