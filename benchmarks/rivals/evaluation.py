"""One measure for all: the loss of a minimizer on fresh samples, the same for everyone."""

from __future__ import annotations

import functools

import numpy as np

from .task import Minimizer


@functools.lru_cache(maxsize=1)
def _drawn(samples: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Uniforms and signs, (sample, dim), for every sparsity."""
    generator = np.random.default_rng(0)
    uniform, sign = generator.random((2, samples, dimension), dtype=np.float32)
    return uniform, np.where(sign < 0.5, np.float32(-1), np.float32(1))


def loss(minimizer: Minimizer, activation: str, sparsity: float, samples: int = 4096) -> float:
    """The mean of (x − x̂)² over samples and coordinates."""
    encoder, decoder = minimizer
    uniform, sign = _drawn(samples, encoder.shape[1])
    x = np.where(uniform < sparsity, sign / np.float32(np.sqrt(sparsity)), np.float32(0))
    preactivation = x @ encoder.T
    code = (
        np.where(preactivation < 0, np.float32(-1), np.float32(1)) if activation == "sign" else np.tanh(preactivation)
    )
    return float(np.square(x - code @ decoder.T).mean(dtype=np.float64))
