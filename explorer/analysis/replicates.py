"""Replicates: what seeds of one point say together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from explorer.analysis.table import require, require_numeric
from explorer.errors import AnalysisError


def replicates(table: pd.DataFrame, value: str, by: Sequence[str]) -> pd.DataFrame:
    """Mean, standard error of the mean and number of the finite values of each group.

    Returns the columns `by`, `mean`, `se`, `n`; `se` is the sample standard deviation over √n, missing for n = 1.
    Seeds are the replicates: cells that share a seed across other settings share draws and are not independent.
    """
    by = [by] if isinstance(by, str) else list(by)
    require(table, [value, *by], "replicates")
    require_numeric(table, value, "replicates")
    if not by:
        raise AnalysisError("replicates: found no columns to group by; expected at least one.")
    finite = table.assign(**{value: table[value].where(np.isfinite(table[value]))})
    grouped = finite.groupby(by, dropna=False, sort=True)[value]
    return grouped.agg(mean="mean", se="sem", n="count").reset_index()
