"""Weights of few bits."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def quantised(weights: Float[Tensor, "*size"], bits: Float[Tensor, ""]) -> Float[Tensor, "*size"]:
    """A matrix of one cell rounded to m bits forward; backward the identity (straight-through).

    m ≥ 2: to 2^m − 1 even levels from −max|w| to max|w|, zero among them. m = 1: mean|w| sign(w), zeros positive,
    Rastegari et al. 2016 (arXiv 1603.05279). As m → ∞ the weights themselves.
    """
    magnitude = weights.detach().abs()
    levels = torch.exp2(bits - 1) - 1
    unit = magnitude.amax().clamp(min=1e-30) / levels.clamp(min=1)
    rounded = torch.where(levels < 2.0**24, torch.round(weights.detach() / unit) * unit, weights.detach())
    one_bit = torch.where(weights.detach() < 0, -1.0, 1.0) * magnitude.mean()
    return weights + (torch.where(bits < 2, one_bit, rounded) - weights.detach())
