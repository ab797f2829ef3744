"""The command line: data to stdout, messages to stderr; exit 0 done, 2 bad input, 3 some cells failed, 130 interrupted."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from explorer.errors import ExplorerError
from explorer.table_text import table_text

BAD_INPUT, SOME_FAILED, INTERRUPTED = 2, 3, 130
MANY_PARTS = 500

app = typer.Typer(
    name="explorer",
    help="Phase diagrams of trained autoencoders: run studies on Ray Tune, query outcomes in Parquet, fit and draw boundaries.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="Study file in YAML.")]
StoreDir = Annotated[str, typer.Argument(metavar="DIR", help="Store: a directory, or a URI such as s3://bucket/study.")]
OutDir = Annotated[str | None, typer.Option("--out", metavar="DIR", help="Store to write; default results/<name>.")]
Format = Annotated[str, typer.Option("--format", help="table, csv or json.")]


def say(message: str) -> None:
    """A message to a person."""
    print(message, file=sys.stderr, flush=True)


def give(text: str) -> None:
    """Data, for a person or a pipe."""
    sys.stdout.write(text if text.endswith("\n") or not text else f"{text}\n")
    sys.stdout.flush()


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """An ExplorerError ends a command with its one message and exit code 2."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except ExplorerError as error:
            say(f"error: {error}")
            raise typer.Exit(BAD_INPUT) from None
        except ModuleNotFoundError as error:
            if error.name in ("torch", "ray", "jaxtyping"):
                say(
                    f'error: this command trains, and {error.name} is not installed; expected: pip install "explorer[train]".'
                )
                raise typer.Exit(BAD_INPUT) from None
            raise
        except BrokenPipeError:
            sys.stderr.close()
            raise typer.Exit(0) from None

    return run


def one_blas_thread() -> None:
    """Unless the user has chosen, and before NumPy is imported: the fits multiply small matrices, which threads slow down."""
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")


def example(text: str) -> str:
    """The example of a command's help; the mark keeps its lines as they are, ready to be copied."""
    return f"\b\nExample:\n  {text}"


def _show_version(wanted: bool) -> None:
    if wanted:
        from explorer import __version__

        give(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command(epilog=example("explorer plan studies/demo.yaml"))
@guarded
def plan(study: StudyFile, out: OutDir = None, form: Format = "table") -> None:
    """Show what a run would train: cells, packs, what is done already, rough cost. Trains nothing."""
    import pandas as pd

    from explorer.engine import plan_study
    from explorer.engine.progress import duration
    from explorer.study import load_study

    planned = plan_study(load_study(study), out)
    row = {
        "study": planned.study.name,
        "store": planned.out,
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
    if planned.missing:
        say(f"about {duration(planned.seconds)} on this machine's processors")


@app.command(epilog=example("explorer run studies/demo.yaml --out results/demo"))
@guarded
def run(
    study: StudyFile,
    out: OutDir = None,
    address: Annotated[
        str | None,
        typer.Option(
            "--address", metavar="ADDR", help="Ray cluster: auto (on one of its nodes) or host:6379; default embedded."
        ),
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Train failed cells again.")] = False,
) -> None:
    """Train the cells of a study that its store lacks. Run it again to go on after a stop, or to add cells."""
    from explorer.engine import run_study
    from explorer.engine.progress import duration
    from explorer.study import load_study

    checked = load_study(study)
    summary = run_study(checked, out, address, retry_failed)
    again = f"explorer run {study}" + (f" --out {out}" if out else "") + (f" --address {address}" if address else "")
    if summary.interrupted:
        say(f"stopped: {summary.done} of {summary.cells} cells are in {summary.out}. To go on: {again}")
        raise typer.Exit(INTERRUPTED)
    say(
        f"{summary.out}: {summary.done} of {summary.cells} cells, {summary.trained} trained now in {duration(summary.seconds)}, "
        f"{summary.diverged} diverged, {summary.failed} failed"
    )
    if summary.parts >= MANY_PARTS:
        say(f"{summary.parts} files of cells; explorer compact {summary.out} makes them few, and reading faster")
    if not summary.complete:
        log = "" if "://" in summary.out else f"; see the log in {summary.out}/logs"
        say(f"{summary.cells - summary.done} cells are missing{log}. To go on: {again}")
        raise typer.Exit(SOME_FAILED)
    if summary.failed:
        say(
            f'why: explorer query {summary.out} "SELECT error, count(*) FROM cells GROUP BY error". To retry: {again} --retry-failed'
        )
        raise typer.Exit(SOME_FAILED)


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

    from explorer.store.compact import compact as merge

    try:
        done = merge(store, grace)
    except KeyboardInterrupt:
        say(f"stopped; nothing is lost. To go on: explorer compact {store}")
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


@app.command(epilog=example("explorer boundary results/demo --along sparsity --by rate --estimator crossing"))
@guarded
def boundary(
    store: StoreDir,
    along: Annotated[str, typer.Option("--along", help="Axis along which the phase changes.")],
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by", metavar="COLUMN,…", help="One boundary per combination, e.g. rate,base; default: what varies."
        ),
    ] = None,
    estimator: Annotated[str | None, typer.Option("--estimator", help="switch or crossing; default both.")] = None,
    order: Annotated[str, typer.Option("--order", help="Order parameter.")] = "localization",
    form: Format = "table",
) -> None:
    """Fit where the phase changes, with 95 % intervals and the theory beside it; a note says why where there is none."""
    one_blas_thread()
    from explorer.analysis import READ, estimators, fit_boundary
    from explorer.analysis.table import varying
    from explorer.store import open_store

    opened = open_store(store)
    named = [column.strip() for part in by or () for column in part.split(",") if column.strip()]
    ours = estimator in (None, "switch", "crossing")
    table = opened.outcomes((*READ, order, along, *named) if ours else opened.schema.names)
    columns = named if by else varying(table, opened.settings, (along,))
    wanted = [estimator] if estimator else [name for name in estimators if name in ("switch", "crossing")]
    fitted = fit_boundary(table, along, columns, wanted, order)
    if form == "table" and fitted["settings"].nunique() == 1:
        say(f"settings: {fitted['settings'].iloc[0]}")
        fitted = fitted.drop(columns="settings")
    give(table_text(fitted, form))


@app.command(epilog=example("explorer figure results/demo phase_diagram --out diagram.pdf"))
@guarded
def figure(
    store: StoreDir,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="phase_diagram, loss_curves, minimizers, decoders or zoo.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="FILE.png, .pdf or .svg; default <NAME>.png.")
    ] = None,
    x: Annotated[str, typer.Option("--x", help="Axis across.")] = "sparsity",
    y: Annotated[str, typer.Option("--y", help="Axis up, or one panel each.")] = "rate",
    value: Annotated[str, typer.Option("--value", help="Column shown in colour.")] = "localization",
    start: Annotated[str, typer.Option("--start", help="Start shown in colour.")] = "random",
    where: Annotated[
        str | None, typer.Option("--where", help="SQL condition on cells, e.g. \"base = 'uniform'\".")
    ] = None,
) -> None:
    """Draw a figure from the store."""
    one_blas_thread()
    from explorer.figures import figure as draw

    target = out or Path(f"{name}.png")
    draw(store, name, target, x, y, value, start, where)
    say(f"wrote {target}")


@app.command(epilog=example("explorer replay results/demo 1561d6d15d08db0e3dc6"))
@guarded
def replay(
    store: StoreDir,
    cell_key: Annotated[str, typer.Argument(metavar="CELL_KEY", help="Key of a cell, from query.")],
    form: Format = "table",
) -> None:
    """Train one stored cell again, alone, and show stored against replayed values."""
    import pandas as pd

    from explorer.engine import replay_cell

    compared = replay_cell(store, cell_key)
    rows = [{"column": n, "stored": v, "replayed": compared.replayed[n]} for n, v in compared.stored.items()]
    if form == "table":
        rows = [{k: repr(v) if isinstance(v, float) else v for k, v in row.items()} for row in rows]
    give(table_text(pd.DataFrame(rows), form))
    say(
        "identical to the last bit"
        if compared.identical
        else "not identical: another machine, device, version or number of threads"
    )


@app.command(
    epilog=example("explorer theory denoiser --rate 0.5,1 --sparsity 0.1,0.5 --base rademacher,laplace --format json")
)
@guarded
def theory(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="gaussian, identity, critical_sparsity, mixed, denoiser, multilayer, rate_distortion, pca, "
            "reverse_waterfilling or anisotropic.",
        ),
    ],
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="R,…", help="Rates; lists make an outer product.")
    ] = None,
    sparsity: Annotated[str | None, typer.Option("--sparsity", metavar="P,…", help="Sparsities in (0, 1].")] = None,
    base: Annotated[
        str | None, typer.Option("--base", metavar="BASE,…", help="Laws of the non-zero values; default rademacher.")
    ] = None,
    shape: Annotated[
        str | None, typer.Option("--shape", metavar="BETA,…", help="Tail shapes, with base generalized_gaussian.")
    ] = None,
    activation: Annotated[
        str | None, typer.Option("--activation", metavar="NAME,…", help="sign, tanh, erf or identity; default sign.")
    ] = None,
    eigenvalues: Annotated[
        str | None,
        typer.Option("--eigenvalues", metavar="L,…", help="One spectrum, an equal block each; 4x3 stands for 4,4,4."),
    ] = None,
    layers: Annotated[
        str | None, typer.Option("--layers", metavar="T,…", help="Layers of multilayer; default to the fixed point.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", metavar="START,…", help="uninformed or informed; default uninformed.")
    ] = None,
    form: Format = "table",
) -> None:
    """Show what theory predicts: one row a point, with a bound on the numerical error and the source of the formula."""
    import pandas as pd

    from explorer.errors import AnalysisError
    from explorer.theory import tabulate

    numbers = {"rate": rate, "sparsity": sparsity, "shape": shape, "layers": layers}
    given: dict[str, list[Any]] = {k: _numbers(k, text) for k, text in numbers.items() if text is not None}
    names = {"base": base, "activation": activation, "start": start}
    given |= {k: [part.strip() for part in text.split(",")] for k, text in names.items() if text is not None}
    if eigenvalues is not None:
        given["eigenvalues"] = [_spectrum(eigenvalues)]
    try:
        rows = tabulate(name, given)
    except ValueError as error:
        raise AnalysisError(str(error)) from None
    give(table_text(pd.DataFrame(rows), form))


def _numbers(option: str, text: str) -> list[float]:
    """Comma-separated numbers; whole ones for --layers."""
    from explorer.errors import AnalysisError

    kind, expected = (int, "whole numbers") if option == "layers" else (float, "numbers")
    values = []
    for part in text.split(","):
        try:
            values.append(kind(part))
        except ValueError:
            raise AnalysisError(
                f'--{option}: found "{part.strip()}", expected {expected}, separated by commas.'
            ) from None
    return values


def _spectrum(text: str) -> list[float]:
    """Eigenvalues; `4x3` stands for 4,4,4."""
    from explorer.errors import AnalysisError

    values: list[float] = []
    for part in text.split(","):
        value, _, times = part.partition("x")
        try:
            values += [float(value)] * int(times or 1)
        except ValueError:
            raise AnalysisError(
                f'--eigenvalues: found "{part.strip()}", expected numbers such as 4,1 or 4x3,1x9.'
            ) from None
    return values


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
