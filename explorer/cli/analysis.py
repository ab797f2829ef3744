"""Commands that draw and predict: figure and theory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from explorer.cli.speech import Format, Plugins, StoreDir, app, example, give, guarded, join, one_blas_thread, say
from explorer.table_text import table_text


@app.command(epilog=example("explorer figure results/demo phase_diagram --out diagram.pdf"))
@guarded
def figure(
    store: StoreDir,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="phase_diagram, lines, loss_curves, hysteresis, minimizers, refinement, collapse, hyperparameters, "
            "decoders, surrogates, allocation, zoo or timeline.",
        ),
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
    data: Annotated[
        bool, typer.Option("--data/--no-data", help="Also write the numbers it shows: .csv and .parquet.")
    ] = True,
    plugins: Plugins = None,
) -> None:
    """Draw a figure from the store."""
    one_blas_thread()
    from explorer.figures import figure as draw

    join(plugins)
    target = out or Path(f"{name}.png")
    draw(store, name, target, x, y, value, start, where, data)
    say(f"wrote {target}" + (f", with the numbers it shows: {target.stem}.csv and .parquet beside it" if data else ""))


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
