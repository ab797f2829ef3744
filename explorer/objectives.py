"""What a cell minimises."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def squared_error(
    reconstruction: Float[Tensor, "sample dim"], x: Float[Tensor, "sample dim"]
) -> Float[Tensor, " sample"]:
    """‖x − x̂‖²/d of each sample; its mean is the loss per coordinate, 1 for x̂ = 0 on unit-variance data."""
    return (x - reconstruction).square().mean(dim=-1)
