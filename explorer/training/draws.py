"""Random numbers that are a function of (seed, purpose, step, position), in any pack and on any machine.

Philox-4x64-10 of NumPy, addressed by counter: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
SC 2011. A GPU draws for itself, the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int32
from torch import Tensor

Purpose = Literal["training", "evaluation", "noise", "evaluation noise", "order", "refit"]
_PURPOSES: tuple[Purpose, ...] = get_args(Purpose)  # by position in the key: add at the end


def words(
    seeds: Sequence[int], purpose: Purpose, steps: Sequence[int], count: int, device: torch.device | str = "cpu"
) -> Int32[Tensor, "pair count"]:
    """`count` words of 32 random bits for each pair of a seed and a step: the same bits on every device."""
    if torch.device(device).type != "cpu":
        return _on_device(seeds, _PURPOSES.index(purpose), steps, count, torch.device(device))
    pairs = -(-count // 2)
    raw = np.empty((len(steps), pairs), dtype="<u8")
    for i, (seed, step) in enumerate(zip(seeds, steps, strict=True)):
        generator = np.random.Philox(key=[seed, _PURPOSES.index(purpose)], counter=[0, 0, 0, step])
        raw[i] = generator.random_raw(pairs)
    return torch.from_numpy(raw.view("<i4")[:, :count])


_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_KEY_STEPS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_ROUNDS = 10
_LOW = 0xFFFFFFFF


def _on_device(
    seeds: Sequence[int], purpose: int, steps: Sequence[int], count: int, device: torch.device
) -> Int32[Tensor, "pair count"]:
    """The words by the same Philox in tensor operations; int64 wraps as unsigned 64-bit integers do."""
    blocks = -(-count // 8)
    c0 = torch.arange(1, blocks + 1, device=device).expand(len(steps), -1)  # numpy counts before it generates
    c1 = c2 = torch.zeros_like(c0)
    c3 = torch.tensor(steps, dtype=torch.int64, device=device)[:, None].expand_as(c0)
    k0 = torch.tensor(seeds, dtype=torch.int64, device=device)[:, None]
    k1 = torch.full_like(k0, purpose)
    for turn in range(_ROUNDS):
        if turn:
            k0, k1 = k0 + _signed(_KEY_STEPS[0]), k1 + _signed(_KEY_STEPS[1])
        high0, low0 = _product(_MULTIPLIERS[0], c0)
        high1, low1 = _product(_MULTIPLIERS[1], c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
    raw = torch.stack([c0, c1, c2, c3], dim=-1).reshape(len(steps), -1)
    return torch.stack([raw, raw >> 32], dim=-1).to(torch.int32).reshape(len(steps), -1)[:, :count]


def _signed(value: int) -> int:
    """The int64 with the bits of an unsigned integer of 64 bits."""
    return value - 2**64 if value >= 2**63 else value


def _product(factor: int, value: Tensor) -> tuple[Tensor, Tensor]:
    """The high and the low 64 bits of a product of unsigned integers of 64 bits."""
    a_low, a_high = factor & _LOW, factor >> 32
    b_low, b_high = value & _LOW, (value >> 32) & _LOW
    low = a_low * b_low
    middle = a_high * b_low + ((low >> 32) & _LOW)
    other = a_low * b_high + (middle & _LOW)
    high = a_high * b_high + ((middle >> 32) & _LOW) + ((other >> 32) & _LOW)
    return high, value * _signed(factor)


def uniforms(bits: Int32[Tensor, " count"], width: int) -> Float[Tensor, "sample width"]:
    """Words to uniforms on (0, 1), odd multiples of 2^-24: neither 0, nor 1/2, nor 1 occurs."""
    top = (bits >> 9) & 0x7FFFFF  # >> is arithmetic on int32
    return ((top.to(torch.float32) + 0.5) * 2.0**-23).reshape(-1, width)
