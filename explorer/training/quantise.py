"""Weights of few bits."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

# The even levels of least squared error for Gaussian weights of unit variance are 1.224 apart at 2 bits, and with each bit more
# closer by about this factor.
GAUSSIAN_UNIT, CLOSER = 1.224, 1.85
# With more bits, weights that drift out of reach of the levels cost more than the levels gain.
FEW = 4
MOST_LEVELS = 2.0**24


def quantised(weights: Float[Tensor, "*size"], bits: Float[Tensor, ""]) -> Float[Tensor, "*size"]:
    """A matrix of one cell rounded to m bits forward; backward the identity (straight-through).

    m ≥ 2: to the 2^m − 1 even levels k s, |k| ≤ 2^(m−1) − 1, of which the outermost is max|w|. At 2 and 3 bits that would leave
    most of a rotation at zero, and the distance s is that which is best for Gaussian weights of the same mean square (Max 1960,
    doi 10.1109/TIT.1960.1057548), unless max|w| has the lower squared error, as for a permutation. m = 1: mean|w| sign(w), zeros
    positive (Rastegari et al. 2016, arXiv 1603.05279). As m → ∞ the weights themselves.
    """
    w = weights.detach()
    levels = torch.exp2(bits - 1) - 1
    widest = w.abs().amax().clamp(min=1e-30) / levels.clamp(min=1)
    gaussian = w.square().mean().sqrt().clamp(min=1e-30) * GAUSSIAN_UNIT * CLOSER ** (2 - bits)
    wide, narrow = (torch.round(w / unit).clamp(-levels, levels) * unit for unit in (widest, gaussian))
    better = ((narrow - w).square().sum() < (wide - w).square().sum()) & (bits < FEW)
    rounded = torch.where(levels < MOST_LEVELS, torch.where(better, narrow, wide), w)
    one_bit = torch.where(w < 0, -1.0, 1.0) * w.abs().mean()
    return weights + (torch.where(bits < 2, one_bit, rounded) - w)
