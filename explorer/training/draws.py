"""Random numbers that are a function of (seed, purpose, step, position), on any device, in any pack.

Threefry-2x32 with 20 rounds: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int32
from torch import Tensor

Purpose = Literal["training", "evaluation", "initialisation"]
PURPOSES: tuple[Purpose, ...] = ("training", "evaluation", "initialisation")

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def _rotate(x: Tensor, by: int) -> Tensor:
    low = (x >> (32 - by)) & ((1 << by) - 1)  # >> is arithmetic on int32
    return (x << by) | low


def threefry(
    key: Int32[Tensor, "2"], counter: tuple[Int32[Tensor, " size"], Int32[Tensor, " size"]]
) -> tuple[Int32[Tensor, " size"], Int32[Tensor, " size"]]:
    """The block function: a 64-bit key and 64-bit counters to as many 64-bit blocks, in int32 words."""
    words = (key[0], key[1], key[0] ^ key[1] ^ _PARITY)
    x0, x1 = counter[0] + words[0], counter[1] + words[1]
    for group in range(5):
        for by in _ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = _rotate(x1, by) ^ x0
        x0 = x0 + words[(group + 1) % 3]
        x1 = x1 + words[(group + 2) % 3] + (group + 1)
    return x0, x1


def stream_key(seed: int, purpose: Purpose) -> Int32[Tensor, "2"]:
    """The generator's key of one seed and one purpose."""
    return torch.tensor([seed, PURPOSES.index(purpose)], dtype=torch.int32)


def uniforms(
    key: Int32[Tensor, "2"], step: Int32[Tensor, ""], samples: int, width: int
) -> Float[Tensor, "sample width"]:
    """Uniforms on (0, 1): odd multiples of 2^-24, so neither 0, nor 1/2, nor 1 occurs."""
    half = (samples * width + 1) // 2
    index = torch.arange(half, dtype=torch.int32, device=key.device)
    x0, x1 = threefry(key, (index, torch.zeros_like(index) + step))
    bits = torch.cat([x0, x1])[: samples * width]
    return (((bits >> 9) & 0x7FFFFF).to(torch.float32) + 0.5).mul(2.0**-23).reshape(samples, width)
