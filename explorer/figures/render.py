"""From a store and a name to a picture."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
from matplotlib.figure import Figure

from explorer.errors import AnalysisError, StoreError
from explorer.figures.base import Options, figures
from explorer.figures.compose import Part, composed, letters
from explorer.figures.style import house_style
from explorer.figures.tables import stacked
from explorer.registry import nearest
from explorer.store import Store, open_store
from explorer.store.files import Files

FORMATS = ("png", "pdf", "svg")
# A file that does not change when the data do not: no date, no version.
_METADATA = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None},
}


def figure(
    store: Store | str | os.PathLike[str],
    name: str,
    out: str | os.PathLike[str] | None = None,
    x: str = "sparsity",
    y: str = "rate",
    value: str = "localization",
    start: str = "random",
    where: str | None = None,
    data: bool = True,
) -> Figure:
    """Draw the figure `name` from a store; also write it where `out` (.png, .pdf or .svg) is given.

    Beside a picture stand the numbers that it shows, under its name with .csv and .parquet, unless `data` is False.

    `phase_diagram` shows `value` over the axes `x` and `y` from starts `start`; `lines` any `value` along `x`, a panel for each `y`
    and a line for each other setting that varies; `loss_curves` the loss along `x` at each `y`; `hysteresis` `value` and loss of both
    starts along `x` at each `y`, with spinodals and crossing; `minimizers` the learned encoders along `x`; `refinement` the rounds of
    a refinement along `x`; `collapse` `value` along `x` at every dimension, and on one curve; `hyperparameters` the best ones of a
    search along `x`; `decoders` the losses of several architectures along `x` at each `y`, on what theory has for them; `zoo` the
    losses of architectures at each code length; `surrogates` loss and `value` along `x` for each gradient of the sign; `allocation`
    how rows are shared out over the eigenvalues of the data's covariance, at each `y`; `timeline` when each worker trained what in
    the latest run. `where` is an SQL condition that chooses cells; of a search the others show the best trial of each grid point.
    Raises StudyError for an unknown name, AnalysisError where the store lacks what the figure needs or the format is unknown.
    """
    return composite(store, [(name, Options(x, y, value, start, where))], out, data)


def composite(
    store: Store | str | os.PathLike[str],
    parts: Sequence[tuple[str, Options]],
    out: str | os.PathLike[str] | None = None,
    data: bool = True,
) -> Figure:
    """Draw several figures of a store as the parts (a), (b), … of one; also write it, with their numbers, where `out` is given.

    `parts` are names of figures with what is asked of each, as `figure` does. In the file of numbers a part's tables are named with
    its letter. Raises as `figure` does, and AnalysisError for no parts.
    """
    if not parts:
        raise AnalysisError("figure: found no parts, expected at least one.")
    kinds = [figures[name] for name, _ in parts]
    suffix = Path(out).suffix.lstrip(".").lower() if out is not None else None
    if suffix is not None and suffix not in FORMATS:
        raise AnalysisError(
            f'figure: cannot write "{out}"; expected a name that ends in .png, .pdf or .svg.{nearest(suffix, FORMATS)}'
        )
    opened = store if isinstance(store, Store) else open_store(store)
    extracted = [(kind, kind.extract(opened, options)) for kind, (_, options) in zip(kinds, parts, strict=True)]
    with house_style():
        drawn = composed(extracted)
        if out is not None and suffix is not None:
            _save(drawn, Path(out), suffix)
            if data:
                _save_data(stacked(_tables(extracted)), Path(out))
        else:
            drawn.draw_without_rendering()  # ticks are made at the first drawing, in the style of that moment
    return drawn


def _tables(extracted: Sequence[Part]) -> dict[str, pd.DataFrame]:
    """The tables of all parts, by letter and name; of one part by name alone."""
    return {
        f"{letter}/{name}" if letter else name: table
        for letter, (kind, data) in zip(letters(len(extracted)), extracted, strict=True)
        for name, table in kind.tables(data).items()
    }


def _save_data(table: pd.DataFrame, out: Path) -> None:
    """The numbers that a picture shows, beside it."""
    try:
        files = Files(out.parent)
        files.publish(f"{out.stem}.csv", table.to_csv(index=False).encode())
        files.publish_table(f"{out.stem}.parquet", pa.Table.from_pandas(table, preserve_index=False))
    except StoreError as error:
        raise AnalysisError(f"figure: {error}") from error


def _save(drawn: Figure, out: Path, suffix: str) -> None:
    """Draw in memory, then publish in one step, so that a figure is never seen half-written."""
    picture = io.BytesIO()
    drawn.savefig(picture, format=suffix, metadata=_METADATA[suffix])
    try:
        Files(out.parent).publish(out.name, picture.getvalue())
    except StoreError as error:
        raise AnalysisError(f"figure: {error}") from error
