"""Isotropic Gaussian data, x ~ N(0, I)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from torch import Tensor

from explorer.axes import Value
from explorer.sources.base import Source, sources
from explorer.sources.quantiles import quantile_table, symmetric


@sources.register("gaussian")
class Gaussian(Source):
    """x_i ~ N(0, 1), independent (Shevchenko et al. 2023, arXiv 2212.13468, section 3)."""

    @staticmethod
    def table(settings: Mapping[str, Value]) -> Float[np.ndarray, " node"]:
        del settings
        return quantile_table("gaussian")

    @staticmethod
    def latent(uniforms: Float[Tensor, "sample width"], table: Float[Tensor, " node"]) -> Float[Tensor, "sample dim"]:
        return symmetric(uniforms, table)

    @staticmethod
    def sample(latent: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        del knobs
        return latent
