"""What an architecture is, and the list of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from explorer.axes import Axis, Value
from explorer.objectives import Distortion, squared_error
from explorer.registry import Registry


class Architecture(nn.Module):
    """An autoencoder for ONE cell; packing stacks it with torch.func and maps it over cells.

    A subclass is built as `Subclass(dimension, code_dimension, **settings)`, with the settings among its `axes`
    whose role is `shape`; knobs reach its methods as tensors of shape (). `forward` and `initialise` must be defined; the
    rest has defaults. Parameters are trained; buffers are constants, of this cell alone.
    """

    axes: ClassVar[tuple[Axis, ...]] = ()
    inits: ClassVar[tuple[str, ...]] = ("random",)
    # Whether ∂z/∂x means something: false for a code of signs.
    smooth: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.distortion: Distortion = squared_error

    @classmethod
    def refusal(cls, settings: Mapping[str, Value]) -> tuple[str, str] | None:
        """The setting that does not go with the others and why, where there is one; from all settings, and from nothing else."""
        del settings
        return None

    @property
    def noise_width(self) -> int:
        """Uniforms per sample that `losses`, `objective` and `probe` need."""
        return 0

    @property
    def activations(self) -> int:
        """About how many numbers a training step keeps per sample, beside x."""
        return 6 * sum(value.shape[0] for value in self.parameters() if value.dim() > 1)

    def prepare(self, settings: Mapping[str, Value]) -> None:
        """Set the buffers that follow from a cell's settings; called before `initialise`."""
        del settings

    def initialise(self, init: str, generator: torch.Generator) -> None:
        """Set the parameters, in place, to the start named `init`, drawing only from `generator`."""
        raise TypeError("an architecture defines initialise()")

    def forward(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        """Reconstruct x; logits where the distortion is cross_entropy."""
        raise TypeError("an architecture defines forward()")

    def code(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample code"]:
        """The code z of x, as evaluated. An architecture without it has no observables of the code."""
        raise TypeError("this architecture does not tell its code")

    def losses(
        self, x: Float[Tensor, "sample dim"], noise: Float[Tensor, "sample noise"], **knobs: Tensor
    ) -> Float[Tensor, " sample"]:
        """The loss that is reported, by sample."""
        del noise
        return self.distortion(self(x, **knobs), x)

    def objective(
        self,
        x: Float[Tensor, "sample dim"],
        noise: Float[Tensor, "sample noise"],
        progress: Float[Tensor, ""],
        **knobs: Tensor,
    ) -> Float[Tensor, ""]:
        """What training minimises on a batch; `progress` runs from 0 to 1 along training. Default: the mean of `losses`."""
        del progress
        return self.losses(x, noise, **knobs).mean()

    def probe(
        self, x: Float[Tensor, "sample dim"], noise: Float[Tensor, "sample noise"], **knobs: Tensor
    ) -> dict[str, Float[Tensor, "sample column"]]:
        """What observables see of some thousand evaluation samples, beside `minimizer`: the `code` by default."""
        del noise
        return {"code": self.code(x, **knobs)} if type(self).code is not Architecture.code else {}

    def constrain(self, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        """Parameters put back on their constraint set; called after every optimizer step."""
        return parameters

    def minimizer(self) -> dict[str, Tensor]:
        """The matrices to observe and keep: `encoder` (n × d) and `decoder` (d × n) where there are such."""
        return {name: value.detach() for name, value in self.named_parameters()}


architectures: Registry[type[Architecture]] = Registry("architecture", "explorer.architectures")
