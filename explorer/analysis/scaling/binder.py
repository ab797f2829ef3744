"""The fourth-order cumulant of an order parameter."""

from __future__ import annotations

import numpy as np
import pandas as pd

from explorer.analysis.table import require, require_numeric


def binder(
    table: pd.DataFrame, order: str, along: str, size: str = "dimension", seed: str | None = "seed"
) -> pd.DataFrame:
    """U = 1 − ⟨m⁴⟩ / (3 ⟨m²⟩²) at each point of each size; 2/3 where |m| is fixed, 0 where m is Gaussian about 0.

    Averages are over all finite rows of a point; the error is a jackknife over seeds, rows of one seed (samples of
    one run, say) left out together. Where there is no column `seed`, or it is None, each row is a replicate.

    Returns the columns `size`, `along`, `mean` (U), `se` (missing for one replicate) and `n` (replicates). U is
    missing where m is 0 throughout. Raises AnalysisError for a missing or non-numeric column.

    Reference: K. Binder, Z. Phys. B 43, 119 (1981), eq. 22.
    """
    require(table, [order, along, size], "binder")
    for column in (order, along, size):
        require_numeric(table, column, "binder")
    m = table[order].to_numpy(dtype=float)
    squares = table[[size, along]].assign(rows=1.0, second=m**2, fourth=m**4)
    if seed is not None and seed in table.columns:
        squares["replicate"] = table[seed]
    else:
        squares["replicate"] = np.arange(len(table))
    finite = squares[np.isfinite(m)].dropna(subset=[size, along])
    runs = finite.groupby([size, along, "replicate"], sort=True)[["rows", "second", "fourth"]].sum().reset_index()
    rows = []
    for (L, x), group in runs.groupby([size, along], sort=True):
        count, second, fourth = group[["rows", "second", "fourth"]].to_numpy(dtype=float).T
        n = len(group)
        whole = _cumulant(count.sum(), second.sum(), fourth.sum())
        left = (
            _cumulant(count.sum() - count, second.sum() - second, fourth.sum() - fourth)
            if n > 1
            else np.array([np.nan])
        )
        se = np.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum())
        rows.append((L, x, float(whole), float(se), n))
    found = pd.DataFrame(rows, columns=[size, along, "mean", "se", "n"])
    return found.astype({"mean": "float64", "se": "float64", "n": "int64"})


def _cumulant(count: np.ndarray, second: np.ndarray, fourth: np.ndarray) -> np.ndarray:
    """From the number of rows and the sums of m² and m⁴."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1 - count * fourth / (3 * np.asarray(second) ** 2))
