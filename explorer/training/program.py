"""One program per shape: the whole training step of a pack, compiled, and the pack's evaluation."""

from __future__ import annotations

import functools
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch._dynamo
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

# Programs of many shapes share code objects, and dynamo counts recompilations by code object.
torch._dynamo.config.recompile_limit = 4096
torch._dynamo.config.accumulated_recompile_limit = 65536


@functools.cache
def compiler_available(device: str) -> bool:
    """Whether torch.compile can build code for a device: a C++ compiler for the CPU, a C compiler for Triton on a GPU."""
    names = ("c++", "g++", "clang++") if device.startswith("cpu") else ("cc", "gcc", "clang")
    given = os.environ.get("CXX" if device.startswith("cpu") else "CC")
    if any(shutil.which(name) for name in (*names, *([given] if given else []))):
        return True
    log.warning("no compiler found for %s: training runs uncompiled, several times slower", device)
    return False


def _compiling(compiled: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return functools.partial(torch.compile, fullgraph=True, dynamic=False) if compiled else lambda function: function


@functools.lru_cache(maxsize=256)
def latent_program(source: str, dimension: int, samples: int, compiled: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """Random words and a stream's table to the stream's latent draws; one program whatever the code dimension.

    One stream at a time, so that the draws of a seed are the same bits whichever other seeds share the pack.
    """
    law = sources[source]
    width = law.width(dimension)

    def latent(bits: Tensor, table: Tensor) -> Tensor:
        return law.latent(uniforms(bits, width), table)

    del samples  # names the shape in the cache
    return _compiling(compiled)(latent)


class Program:
    """The step and the forward pass of one shape, as functions of stacked tensors."""

    def __init__(self, shape: Mapping[str, Value], compiled: bool = True) -> None:
        self.shape = dict(shape)
        self.source = sources[str(shape["source"])]
        self.dimension, self.batch = int(shape["dimension"]), int(shape["batch"])
        self.width = self.source.width(self.dimension)
        family = architectures[str(shape["architecture"])]
        accepted = {"dimension", "code_dimension", *(a.name for a in family.axes if a.role == "shape")}
        self.build: Callable[[], Architecture] = functools.partial(
            family, **{name: value for name, value in shape.items() if name in accepted}
        )
        self.model = self.build()
        self.source_knobs = [a.name for a in self.source.axes if a.role == "knob"]
        self.model_knobs = [a.name for a in family.axes if a.role == "knob"]
        declared = axes_of(str(shape["source"]), str(shape["architecture"]))
        self.knobs = [a.name for a in declared if a.role == "knob"]
        self.update = OPTIMIZERS[str(shape["optimizer"])][0]
        self.compiled = compiled
        self.step = _compiling(self.compiled)(self._step)

    def latent(self, samples: int) -> Callable[[Tensor, Tensor], Tensor]:
        """The latent draws of this many samples, compiled for those of a training step."""
        compiled = self.compiled and samples == self.batch
        return latent_program(str(self.shape["source"]), self.dimension, samples, compiled)

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
