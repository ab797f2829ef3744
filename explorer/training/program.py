"""One program per shape: the whole training step of a pack, compiled, and the pack's evaluation."""

from __future__ import annotations

import functools
import logging
import shutil
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value, vmap

from explorer.architectures import Architecture, architectures
from explorer.axes import Value
from explorer.objectives import squared_error
from explorer.settings import axes_of
from explorer.sources import sources
from explorer.training.draws import uniforms
from explorer.training.optimizers import OPTIMIZERS, Moments, Parameters

log = logging.getLogger("explorer")


@functools.cache
def compiler_available() -> bool:
    """Whether torch.compile can build code here: a C++ compiler on a CPU, Triton on a GPU."""
    if torch.cuda.is_available():
        return True
    if any(shutil.which(name) for name in ("c++", "g++", "clang++")):
        return True
    log.warning("no C++ compiler found: training runs uncompiled, several times slower, with the same results")
    return False


class Program:
    """The draw, the step and the forward pass of one shape, as functions of stacked tensors."""

    def __init__(self, shape: Mapping[str, Value], compiled: bool = True) -> None:
        self.shape = dict(shape)
        self.source = sources[str(shape["source"])]
        self.dimension, self.batch = int(shape["dimension"]), int(shape["batch"])
        self.width = self.source.width(self.dimension)
        declared = axes_of(str(shape["source"]), str(shape["architecture"]))
        common = {"dimension", "code_dimension"}
        mine = {a.name for a in architectures[str(shape["architecture"])].axes if a.role == "shape"}
        self.build: Callable[[], Architecture] = functools.partial(
            architectures[str(shape["architecture"])], **{k: v for k, v in shape.items() if k in mine | common}
        )
        self.model = self.build()
        self.source_knobs = [a.name for a in self.source.axes if a.role == "knob"]
        self.model_knobs = [a.name for a in self.model.axes if a.role == "knob"]
        self.knobs = [a.name for a in declared if a.role == "knob"]
        self.update = OPTIMIZERS[str(shape["optimizer"])][0]
        self.compiled = compiled and compiler_available()
        wrap = functools.partial(torch.compile, fullgraph=True, dynamic=False) if self.compiled else lambda f: f
        self.draw = wrap(self._draw)
        self.step = wrap(self._step)

    def _draw(self, key: Tensor, step: Tensor, table: Tensor) -> Tensor:
        return self.source.latent(uniforms(key, step, self.batch, self.width), table)

    def draw_evaluation(self, key: Tensor, step: Tensor, table: Tensor, samples: int) -> Tensor:
        """Latent draws of one evaluation chunk."""
        return self.source.latent(uniforms(key, step, samples, self.width), table)

    def _losses(self, parameters: Parameters, latent: Tensor, knobs: dict[str, Tensor]) -> Tensor:
        x = self.source.sample(latent, **{k: knobs[k] for k in self.source_knobs if k in knobs})
        arguments = {k: knobs[k] for k in self.model_knobs if k in knobs}
        return squared_error(functional_call(self.model, parameters, (x,), arguments), x)

    def _step(
        self,
        parameters: Parameters,
        moments: Moments,
        latents: Tensor,
        stream: Tensor,
        knobs: dict[str, Tensor],
        factor: Tensor,
        time: Tensor,
        loss_sum: Tensor,
    ) -> tuple[Parameters, Moments, Tensor]:
        def objective(p: Parameters, latent: Tensor, k: dict[str, Tensor]) -> Tensor:
            return self._losses(p, latent, k).mean()

        gradients, losses = vmap(grad_and_value(objective))(parameters, latents[stream], knobs)
        parameters, moments = self.update(parameters, gradients, moments, knobs["learning_rate"] * factor, time)
        return vmap(self.model.constrain)(parameters), moments, loss_sum + losses

    def losses(self, parameters: Parameters, latents: Tensor, stream: Tensor, knobs: dict[str, Tensor]) -> Tensor:
        """The loss of every cell on every sample, (cell, sample)."""
        return vmap(self._losses)(parameters, latents[stream], knobs)


@functools.lru_cache(maxsize=64)
def program(shape: tuple[tuple[str, Value], ...], compiled: bool) -> Program:
    """The program of a shape; one per process, so that a shape is compiled once."""
    return Program(dict(shape), compiled)
