"""A cell in the middle of its training, as another process goes on with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from explorer.training.optimizers import Moments, Parameters


@dataclass(frozen=True, slots=True)
class CellState:
    """What a cell has learned after `steps` steps, in `seconds` of its share of a pack's time, on the CPU.

    `weights` are parameters and buffers, `moments` the optimizer's; `loss_sum` is the training loss summed since the last
    point of `curve`; `descent` and `converged` are those of the schedule `plateau`. A cell that is `over` is trained and
    waits for its evaluation. Draws are named by stream and step, so that nothing else is needed to go on to the same bits.
    """

    steps: int
    seconds: float
    curve: tuple[tuple[int, float], ...]
    loss_sum: float
    weights: Parameters
    moments: Moments = field(default_factory=dict)
    descent: tuple[int, int] | None = None
    converged: bool = False
    over: bool = False
