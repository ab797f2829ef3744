"""Which phase a minimizer is in."""

from __future__ import annotations

import numpy as np
import pandas as pd

from explorer.analysis.table import require, require_numeric

ROTATION_WITHIN = 1.6
IDENTITY_ABOVE = 0.9
TIED_ABOVE = 0.9


def haar_localization(dimension: float) -> float:
    """3/(d + 2): the localization of a random rotation."""
    return 3 / (dimension + 2)


def classify(table: pd.DataFrame, order: str = "localization", size: str = "dimension") -> pd.Series:
    """The phase of each row: rotation, identity, tie-broken identity, or mixed.

    identity: order parameter above 0.9; rotation: else, and at most 1.6 × its Haar value 3/(d + 2), or 1.6 × the smallest
    value of the table where there is no column `size`. An identity whose decoder is not the encoder's transpose (`tying` at most 0.9,
    where there is such a column) breaks its ties by small off-diagonal entries and exploits them in the decoder; it lies on a
    branch of its own. The rest is mixed. Rows without an order parameter are missing.
    """
    require(table, [order], "classify")
    require_numeric(table, order, "classify")
    values = table[order].to_numpy(dtype=float)
    if size in table.columns:
        require_numeric(table, size, "classify")
        ceiling = ROTATION_WITHIN * haar_localization(table[size].to_numpy(dtype=float))
    else:
        ceiling = np.full(len(table), ROTATION_WITHIN * np.min(values, initial=np.inf, where=np.isfinite(values)))
    small = np.where(values <= ceiling, "rotation", "mixed")
    phases = np.where(values > IDENTITY_ABOVE, "identity", small).astype(object)
    if "tying" in table.columns:
        tying = table["tying"].to_numpy(dtype=float)
        phases[(phases == "identity") & (tying <= TIED_ABOVE)] = "tie-broken identity"
    if "coverage" in table.columns:
        covered = table["coverage"].to_numpy(dtype=float)
        phases[(phases == "identity") & (covered < 1)] = "mixed"
    phases[~np.isfinite(values)] = None
    return pd.Series(phases, index=table.index, name="phase", dtype=object)
