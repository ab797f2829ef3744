"""What an architecture is, and the list of them."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from explorer.axes import Axis
from explorer.registry import Registry


class Architecture(nn.Module):
    """An autoencoder for ONE cell; packing stacks it with torch.func and maps it over cells.

    A subclass is built as `Subclass(dimension, code_dimension, **settings)`, with the settings among its `axes`
    whose role is `shape`; knobs reach `forward` as tensors of shape ().
    """

    axes: ClassVar[tuple[Axis, ...]] = ()
    inits: ClassVar[tuple[str, ...]] = ("random",)

    def initialise(self, init: str, generator: torch.Generator) -> None:
        """Set the parameters, in place, to the start named `init`, drawing only from `generator`."""
        raise TypeError("an architecture defines initialise()")

    def forward(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        """Reconstruct x."""
        raise TypeError("an architecture defines forward()")

    @staticmethod
    def constrain(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        """Parameters put back on their constraint set; called after every optimizer step."""
        return parameters

    def minimizer(self) -> dict[str, Tensor]:
        """The matrices to observe and keep: `encoder` (n × d) and `decoder` (d × n) where there are such."""
        return {name: value.detach() for name, value in self.named_parameters()}


architectures: Registry[type[Architecture]] = Registry("architecture", "explorer.architectures")
