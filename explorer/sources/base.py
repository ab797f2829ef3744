"""What a source is, and the list of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from torch import Tensor

from explorer.axes import Axis, Value
from explorer.registry import Registry


class Source:
    """The law of x, written for one cell; packing maps it over cells.

    A source turns uniforms into data in two steps. `latent` does what cells of one seed share whatever
    their knobs (once per seed); `sample` does the rest (once per cell, mapped by `torch.func.vmap`). A
    knob such as the sparsity therefore sees the same underlying draws at each of its values.
    """

    axes: ClassVar[tuple[Axis, ...]] = ()

    @staticmethod
    def width(dimension: int) -> int:
        """Uniforms needed per sample."""
        return dimension

    @staticmethod
    def table(settings: Mapping[str, Value]) -> Float[np.ndarray, " node"]:
        """Constants that `latent` needs, computed once per stream from the settings whose role is `stream`."""
        del settings
        return np.zeros(1)

    @staticmethod
    def latent(uniforms: Float[Tensor, "sample width"], table: Float[Tensor, " node"]) -> Tensor:
        """Uniforms on (0, 1) to whatever the cells of one stream share; first axis `sample`."""
        raise TypeError("a source defines latent()")

    @staticmethod
    def sample(latent: Tensor, **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        """The latent draws to data x, given this cell's knobs (tensors of shape ())."""
        raise TypeError("a source defines sample()")


sources: Registry[type[Source]] = Registry("source", "explorer.sources")
