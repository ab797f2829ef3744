"""What architectures with a learned 1-bit code and a decoder of any form share."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from explorer.architectures.activations import annealed_sign, straight_through_sign, surrogate_axes
from explorer.axes import Axis
from explorer.objectives import Distortion


class SignCode:
    """z = sign(Bx), trained straight through or annealed (as `two_layer`), with `decode` of the subclass after it."""

    sign_axes: ClassVar[tuple[Axis, ...]] = surrogate_axes(("straight_through", "annealed"))

    encoder: Tensor
    surrogate: str
    distortion: Distortion

    def decode(self, code: Float[Tensor, "sample code"]) -> Float[Tensor, "sample dim"]:
        """x̂ from the code."""
        raise TypeError("an architecture with a sign code defines decode()")

    def code(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample code"]:
        preactivation = x @ self.encoder.T
        if "surrogate_width" in knobs:
            return straight_through_sign(preactivation, knobs["surrogate_width"])
        return torch.where(preactivation < 0, -1.0, 1.0)

    def forward(self, x: Float[Tensor, "sample dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        return self.decode(self.code(x, **knobs))

    def objective(
        self, x: Float[Tensor, "sample dim"], noise: Tensor, progress: Tensor, **knobs: Tensor
    ) -> Float[Tensor, ""]:
        if self.surrogate != "annealed":
            return self.distortion(self.forward(x, **knobs), x).mean()
        code = annealed_sign(x @ self.encoder.T, progress, knobs["final_temperature"])
        return self.distortion(self.decode(code), x).mean()
