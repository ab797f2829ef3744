"""Random numbers that are a function of (seed, purpose, step, position), in any pack and on any machine.

Philox-4x64-10 of NumPy, addressed by counter: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
SC 2011. Words are drawn on the host, so that a GPU sees the same bits as a CPU.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int32
from torch import Tensor

Purpose = Literal["training", "evaluation", "noise", "evaluation noise", "order", "refit"]
_PURPOSES: tuple[Purpose, ...] = get_args(Purpose)  # by position in the key: add at the end


def words(seed: int, purpose: Purpose, step: int, count: int) -> Int32[Tensor, " count"]:
    """`count` words of 32 random bits: those of this seed and purpose at this step."""
    generator = np.random.Philox(key=[seed, _PURPOSES.index(purpose)], counter=[0, 0, 0, step])
    raw = generator.random_raw((count + 1) // 2).astype("<u8", copy=False)
    return torch.from_numpy(raw.view("<i4")[:count])


def uniforms(bits: Int32[Tensor, " count"], width: int) -> Float[Tensor, "sample width"]:
    """Words to uniforms on (0, 1), odd multiples of 2^-24: neither 0, nor 1/2, nor 1 occurs."""
    top = (bits >> 9) & 0x7FFFFF  # >> is arithmetic on int32
    return ((top.to(torch.float32) + 0.5) * 2.0**-23).reshape(-1, width)
