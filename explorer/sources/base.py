"""What a source is, and the list of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from torch import Tensor

from explorer.axes import Axis, Value
from explorer.registry import Registry

Split = Literal["training", "evaluation"]


class Source:
    """The law of x, written for one cell; packing maps it over cells.

    Built as `Subclass(dimension, **settings)`, with the settings among its `axes` whose role is `shape`. A source turns
    uniforms into data in two steps. `latent` does what cells of one seed share whatever their knobs (once per stream);
    `sample` does the rest (once per cell, mapped by `torch.func.vmap`). A knob such as the sparsity therefore sees the
    same underlying draws at each of its values.
    """

    axes: ClassVar[tuple[Axis, ...]] = ()
    # The setting at which errors of `implied` are shown.
    named_by: ClassVar[str] = "source"
    # A source that is itself a finite set of samples sees to the setting `samples` in its `table`.
    finite: bool = False

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension

    @classmethod
    def implied(cls, settings: Mapping[str, Value]) -> dict[str, Value]:
        """Settings that follow from the others, and from nothing that changes, such as the `dimension` of given images."""
        del settings
        return {}

    @classmethod
    def refusal(cls, settings: Mapping[str, Value]) -> tuple[str, str] | None:
        """The setting that does not go with the others and why, where there is one; from all settings, and from nothing else."""
        del settings
        return None

    @classmethod
    def unit_interval(cls, settings: Mapping[str, Value]) -> bool:
        """Whether every x_i lies in [0, 1], so that it can be the mean of a Bernoulli variable."""
        del settings
        return False

    @property
    def width(self) -> int:
        """Uniforms needed per sample."""
        return self.dimension

    def table(self, settings: Mapping[str, Value], split: Split) -> Float[np.ndarray, "..."]:
        """Constants that `latent` needs, computed once per stream from all settings but the knobs, the seed among them."""
        del settings, split
        return np.zeros(1)

    def table_shape(self, settings: Mapping[str, Value], split: Split) -> tuple[int, ...]:
        """The shape of `table`, for what memory it takes; to be said here where the table itself takes long."""
        return np.shape(self.table(settings, split))

    def latent(self, uniforms: Float[Tensor, "sample width"], table: Tensor) -> Float[Tensor, "sample layer dim"]:
        """Uniforms on (0, 1) to what the cells of one stream share."""
        raise TypeError("a source defines latent()")

    def sample(self, latent: Float[Tensor, "sample layer dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        """The latent draws to data x, given this cell's knobs (tensors of shape ())."""
        del knobs
        return latent[..., 0, :]

    def reference(self, settings: Mapping[str, Value]) -> dict[str, Float[np.ndarray, "row column"]]:
        """What is known of the law beside its samples, for observables; from all settings.

        `covariance` and `evaluation_covariance` (d × d second moments) where they are no multiple of the identity,
        `dictionary` (d × k, unit columns).
        """
        del settings
        return {}


sources: Registry[type[Source]] = Registry("source", "explorer.sources")
