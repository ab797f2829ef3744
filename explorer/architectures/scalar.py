"""Scalar denoisers f, applied to every coordinate: given as a table, or learned."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from explorer.theory import posterior_mean

DENOISERS = ("bayes", "tanh", "spline")

NODES = 2049
KNOTS = 16
FURTHEST_KNOT = 12.0


def bayes_table(gamma: float, sparsity: float, base: str, shape: float | None) -> tuple[np.ndarray, float]:
    """The posterior mean E[x | x + γ^(−1/2) g = y] at `NODES` even points of [0, end], and the end.

    Beyond 8 standard deviations of signal and noise the function goes on as a straight line.
    """
    end = 8 / np.sqrt(sparsity) + 8 / np.sqrt(max(gamma, 1e-2))
    return posterior_mean(np.linspace(0, end, NODES), gamma, sparsity, base, shape), float(end)


def halves(y: Float[Tensor, "*size"]) -> tuple[Float[Tensor, "*size"], Float[Tensor, "*size"]]:
    """Sign and size, with the slope 1 of the product at 0, where those of `abs` and `sign` are 0."""
    negative = y < 0
    return torch.where(negative, -1.0, 1.0), torch.where(negative, -y, y)


def tabulated(y: Float[Tensor, "*size"], table: Float[Tensor, " node"], end: Tensor) -> Float[Tensor, "*size"]:
    """The odd function with these values on even points of [0, end], linear between and beyond."""
    sign, size = halves(y)
    position = size * ((table.shape[0] - 1) / end)
    node = position.detach().nan_to_num(0.0).clamp(max=table.shape[0] - 1.001).floor()
    index = node.to(torch.int64).flatten()
    low, high = (table[index + step].reshape(y.shape) for step in (0, 1))
    return sign * (low + (high - low) * (position - node))


class ScalarDenoiser(nn.Module):
    """A learned odd function: `tanh`, f(y) = α₁ y + α₂ tanh(α₃ y), the family of Kögler et al. 2024; or `spline`, monotone and
    piecewise linear, f(y) = sign(y) Σ_k s_k min(max(|y| − t_k, 0), t_{k+1} − t_k) with slopes s_k > 0, the last piece endless.

    The knots are t_k = 12 (k/16)², k = 0 … 15, for inputs on the scale of x. Both start near y ↦ `slope` y.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.weights = nn.Parameter(torch.zeros(3 if kind == "tanh" else KNOTS))
        knots = FURTHEST_KNOT * (torch.arange(KNOTS) / KNOTS) ** 2
        self.knots: list[float] = knots.tolist() if not knots.is_meta else [0.0] * KNOTS

    def start(self, slope: float) -> None:
        """Set the weights so that f(y) is about slope y."""
        slope = max(slope, 1e-3)
        with torch.no_grad():
            if self.kind == "tanh":
                self.weights.copy_(torch.tensor([slope, -0.1 * slope, 1.0]))
            else:
                self.weights.fill_(float(np.log(np.expm1(slope))))

    def forward(self, y: Float[Tensor, "*size"]) -> Float[Tensor, "*size"]:
        if self.kind == "tanh":
            return self.weights[0] * y + self.weights[1] * torch.tanh(self.weights[2] * y)
        slopes, (sign, size) = functional.softplus(self.weights), halves(y)
        ends = [*self.knots[1:], float("inf")]
        pieces = (
            slopes[k] * (size - start).clamp(0, end - start)
            for k, (start, end) in enumerate(zip(self.knots, ends, strict=True))
        )
        return sign * torch.stack(list(pieces)).sum(dim=0)
