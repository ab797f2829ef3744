"""Weights of few bits."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

# Units that are tried, as shares of the one whose outermost level is max|w|.
SHARES = tuple(2.0 ** (-j / 4) for j in range(17))
MOST_LEVELS = 2.0**24


def quantised(weights: Float[Tensor, "*size"], bits: Float[Tensor, ""]) -> Float[Tensor, "*size"]:
    """A matrix of one cell rounded to m bits forward; backward the identity (straight-through).

    m ≥ 2: to the 2^m − 1 even levels k s, |k| ≤ 2^(m−1) − 1, whose unit s has nearly the least squared error: the best of a grid
    of units from max|w|/(2^(m−1) − 1) down, each followed by s = ⟨w, k⟩/⟨k, k⟩ at k = round(w/s). Levels that reach to max|w|
    leave most of a Gaussian matrix at zero. m = 1: mean|w| sign(w), zeros positive, the least error of two levels (Rastegari et
    al. 2016, arXiv 1603.05279). As m → ∞ the weights themselves.
    """
    w = weights.detach()
    levels = torch.exp2(bits - 1) - 1
    widest = w.abs().amax().clamp(min=1e-30) / levels.clamp(min=1)
    best, least = w, torch.full_like(widest, torch.inf)
    for share in SHARES:
        whole = torch.round(w / (widest * share)).clamp(-levels, levels)
        squares = whole.square().sum()
        tried = whole * torch.where(squares > 0, (w * whole).sum() / squares.clamp(min=1), widest * share)
        error = (tried - w).square().sum()
        best, least = torch.where(error < least, tried, best), torch.minimum(error, least)
    rounded = torch.where(levels < MOST_LEVELS, best, w)
    one_bit = torch.where(w < 0, -1.0, 1.0) * w.abs().mean()
    return weights + (torch.where(bits < 2, one_bit, rounded) - w)
