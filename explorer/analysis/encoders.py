"""An encoder in the order in which its phase can be seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


def sort_encoder(encoder: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows and columns permuted so that the assignment of rows to coordinates lies on the diagonal, peaks positive.

    The assignment maximises Σ |B_iπ(i)|; matched pairs come in decreasing |B_iπ(i)|, unmatched rows and columns last. Signs of
    rows and order of rows and columns are symmetries of the problem, so that nothing is lost.
    """
    rows, columns = linear_sum_assignment(-np.abs(encoder))
    strength = np.abs(encoder[rows, columns])
    order = np.argsort(-strength, kind="stable")
    rows, columns = rows[order], columns[order]
    signs = np.where(encoder[rows, columns] < 0, -1.0, 1.0)
    rest_rows = np.setdiff1d(np.arange(encoder.shape[0]), rows)
    rest_columns = np.setdiff1d(np.arange(encoder.shape[1]), columns)
    top = encoder[np.concatenate([rows, rest_rows])] * np.concatenate([signs, np.ones(len(rest_rows))])[:, None]
    return top[:, np.concatenate([columns, rest_columns])].astype(np.float32)
