"""Sparse data: independent coordinates, non-zero with probability p."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from explorer.axes import Axis, Choices, Value, open_closed
from explorer.sources.base import Source, sources
from explorer.sources.quantiles import quantile_table, symmetric

BASES = ("rademacher", "gaussian", "uniform", "laplace", "generalized_gaussian")


@sources.register("sparse")
class Sparse(Source):
    """x_i = b_i g_i / sqrt(p), b_i ~ Bernoulli(p), g_i symmetric of unit variance: E x_i^2 = 1 at every p.

    Kögler et al. 2024 (arXiv 2402.05013). The mask thresholds one uniform that cells of a seed share,
    so the support at a smaller p is a subset of the support at a larger one.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("sparsity", "float", open_closed(0.0, 1.0)),
        Axis("base", "str", Choices(BASES), "rademacher", role="stream"),
        Axis("shape", "float", open_closed(0.25, 64.0), role="stream", when={"base": ("generalized_gaussian",)}),
    )

    @staticmethod
    def width(dimension: int) -> int:
        return 2 * dimension

    @staticmethod
    def table(settings: Mapping[str, Value]) -> Float[np.ndarray, " node"]:
        shape = settings.get("shape")
        return quantile_table(str(settings["base"]), None if shape is None else float(shape))

    @staticmethod
    def latent(uniforms: Float[Tensor, "sample width"], table: Float[Tensor, " node"]) -> Float[Tensor, "sample 2 dim"]:
        mask, value = uniforms.chunk(2, dim=-1)
        return torch.stack([mask, symmetric(value, table)], dim=-2)

    @staticmethod
    def sample(latent: Float[Tensor, "sample 2 dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        sparsity = knobs["sparsity"]
        mask, value = latent.unbind(dim=-2)
        return torch.where(mask < sparsity, value, 0.0) * torch.rsqrt(sparsity)
