"""A linear decoder by least squares, the encoder as trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor

RIDGE = 1e-6

CodeAndData = tuple[Float[Tensor, "cell sample code"], Float[Tensor, "cell sample dim"]]


def least_squares(chunks: Iterable[Callable[[], CodeAndData]]) -> Float[Tensor, "cell dim code"]:
    """A = E[x zᵀ] (E[z zᵀ] + 10⁻⁶ t I)⁻¹ of each cell, t the mean of diag E[z zᵀ], over chunks of (z, x), in double precision."""
    second: Tensor | None = None
    cross: Tensor | None = None
    for chunk in chunks:
        code, x = (value.double() for value in chunk())
        zz, xz = code.mT @ code, x.mT @ code
        second = zz if second is None else second + zz
        cross = xz if cross is None else cross + xz
    assert second is not None
    assert cross is not None
    mean = second.diagonal(dim1=1, dim2=2).mean(dim=1).clamp(min=1e-30)
    ridge = RIDGE * mean[:, None, None] * torch.eye(second.shape[1], dtype=second.dtype, device=second.device)
    return torch.linalg.solve(second + ridge, cross.mT).mT.float()
