"""What training says of a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from explorer.cells import Cell

Status = Literal["converged", "budget", "diverged", "failed"]


@dataclass(frozen=True, slots=True)
class CellResult:
    """A trained cell: its minimizer, its population loss and how training went.

    `loss` is E‖x − x̂‖²/d on fresh data, `loss_se` its Monte-Carlo standard error; both are None unless the cell
    ended with finite parameters. `curve` holds (step, mean training loss since the previous point); `pack_width` is the
    number of slots it was trained in. `objective` is the mean training objective over the last tenth of the steps, penalties
    included; `probe` what observables see beside the minimizer, samples of the code and what is known of the source.
    `error` is why a cell failed, in one line or a few, and `traceback` where.
    """

    cell: Cell
    status: Status
    steps: int
    seconds: float
    loss: float | None = None
    loss_se: float | None = None
    error: str | None = None
    curve: tuple[tuple[int, float], ...] = ()
    minimizer: dict[str, np.ndarray] | None = None
    pack_width: int = 0
    objective: float | None = None
    probe: dict[str, np.ndarray] | None = None
    traceback: str | None = None
