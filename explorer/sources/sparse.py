"""Sparse data: independent coordinates, non-zero with probability p."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from explorer.axes import Axis, Choices, Value, open_closed
from explorer.sources.base import Source, Split, sources
from explorer.sources.quantiles import quantile_table, symmetric

BASES = ("rademacher", "gaussian", "uniform", "laplace", "generalized_gaussian")
SPARSITY = Axis("sparsity", "float", open_closed(0.0, 1.0))


def masked(mask: Float[Tensor, "sample dim"], x: Float[Tensor, "sample dim"], sparsity: Tensor) -> Tensor:
    """b_i x_i / √p with b_i = 1 where the mask's uniform is below p: the variance is that of x at every p."""
    return torch.where(mask < sparsity, x, 0.0) * torch.rsqrt(sparsity)


@sources.register("sparse")
class Sparse(Source):
    """x_i = b_i g_i / sqrt(p), b_i ~ Bernoulli(p), g_i symmetric of unit variance: E x_i^2 = 1 at every p.

    Kögler et al. 2024 (arXiv 2402.05013). The mask thresholds one uniform that cells of a seed share,
    so the support at a smaller p is a subset of the support at a larger one.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        SPARSITY,
        Axis("base", "str", Choices(BASES), "rademacher", role="stream"),
        Axis("shape", "float", open_closed(0.25, 64.0), role="stream", when={"base": ("generalized_gaussian",)}),
    )

    @property
    def width(self) -> int:
        return 2 * self.dimension

    def table(self, settings: Mapping[str, Value], split: Split) -> Float[np.ndarray, " node"]:
        del split
        shape = settings.get("shape")
        return quantile_table(str(settings["base"]), None if shape is None else float(shape))

    def latent(self, uniforms: Float[Tensor, "sample width"], table: Tensor) -> Float[Tensor, "sample 2 dim"]:
        mask, value = uniforms.chunk(2, dim=-1)
        return torch.stack([mask, symmetric(value, table)], dim=-2)

    def sample(self, latent: Float[Tensor, "sample 2 dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        mask, value = latent.unbind(dim=-2)
        return masked(mask, value, knobs["sparsity"])
