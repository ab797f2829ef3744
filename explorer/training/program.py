"""One program per shape: the whole training step of a pack, compiled, and the pack's evaluation."""

from __future__ import annotations

import functools
import itertools
import logging
import os
import shutil
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, jacrev, vmap

from explorer.architectures import Architecture, architectures
from explorer.axes import Axis, Value
from explorer.cells import Cell
from explorer.objectives import DISTORTIONS
from explorer.settings import axes_of
from explorer.sources import Source, sources
from explorer.training.allocator import keep_freed_memory
from explorer.training.draws import uniforms
from explorer.training.optimizers import OPTIMIZERS, Moments, Parameters
from explorer.training.quantise import quantised

# What a cell's evaluation shows to observables: this many samples, and the code's Jacobian at the first of them.
PROBE_SAMPLES = 2048
JACOBIANS = 64
# Evaluating this many samples or more is worth a compilation.
COMPILED_FROM = 8192
# Samples that are evaluated together, from random words of their own.
EVALUATION_CHUNK = 512

Shape = tuple[tuple[str, Value], ...]

log = logging.getLogger("explorer")

# Every program has a code object of its own, so that none counts as a recompilation of another.
_NUMBERS = itertools.count()
_OPTIONS: dict[str, dict[str, Any]] = {"cpu": {}, "cuda": {"triton.cudagraphs": True}}


@functools.cache
def compiler_available(device: str) -> bool:
    """Whether torch.compile can build code for a device: a C++ compiler for the CPU, a C compiler for Triton on a GPU."""
    names = ("c++", "g++", "clang++") if device.startswith("cpu") else ("cc", "gcc", "clang")
    given = os.environ.get("CXX" if device.startswith("cpu") else "CC")
    if any(shutil.which(name) for name in (*names, *([given] if given else []))):
        return True
    log.warning("no compiler found for %s: training runs uncompiled, several times slower", device)
    return False


def compilations() -> int:
    """Programs that this process has compiled, or read from the compiler's cache on disk."""
    from torch._dynamo.utils import counters  # a second of imports, which a process that only plans does without

    return counters["stats"]["unique_graphs"]


def _compiled(function: Callable[..., Any], device: str, graphs: bool = True) -> Callable[..., Any]:
    """A function compiled for the one set of shapes it is called with; another set is an error, not a recompilation.

    Without guards, which would be checked at every step: a program's shapes are part of its name.
    """
    code = function.__code__.replace(co_name=f"{function.__name__}_{next(_NUMBERS)}")
    own = types.FunctionType(code, function.__globals__, code.co_name, None, function.__closure__)
    options = {**(_OPTIONS[device] if graphs else {}), "guard_filter_fn": torch.compiler.skip_all_guards_unsafe}
    return torch.compile(own, fullgraph=True, dynamic=False, options=options)


def _of_shape(axes: tuple[Axis, ...], shape: Mapping[str, Value]) -> dict[str, Value]:
    return {a.name: shape[a.name] for a in axes if a.role == "shape" and a.name in shape}


def build_source(shape: Mapping[str, Value]) -> Source:
    """The source of a shape."""
    law: Any = sources[str(shape["source"])]
    return law(int(shape["dimension"]), **_of_shape(law.axes, shape))


def build_model(shape: Mapping[str, Value]) -> Architecture:
    """The model of a shape, for one cell, its parameters not yet set."""
    family: Any = architectures[str(shape["architecture"])]
    model: Architecture = family(int(shape["dimension"]), int(shape["code_dimension"]), **_of_shape(family.axes, shape))
    model.distortion = DISTORTIONS[str(shape["distortion"])]
    return model


@functools.lru_cache(maxsize=1024)
def _latent_program(
    source: Shape, samples: int, nodes: tuple[int, ...], device: str, compiled: bool
) -> Callable[[Tensor, Tensor], Tensor]:
    """Random words and a stream's table to the stream's latent draws; one program whatever the code dimension.

    One stream at a time, so that the draws of a seed are the same bits whichever other seeds share the pack.
    """
    law = build_source(dict(source))

    def latent(bits: Tensor, table: Tensor) -> Tensor:
        return law.latent(uniforms(bits, law.width), table)

    del samples, nodes  # they name the shapes
    return _compiled(latent, device, graphs=False) if compiled else latent


class _Call(nn.Module):
    """Calls any method of a model under functional_call, which only knows forward."""

    def __init__(self, model: Architecture) -> None:
        super().__init__()
        self.model = model

    def forward(self, method: str, *arguments: Tensor, **knobs: Tensor) -> Any:
        return getattr(self.model, method)(*arguments, **knobs)


class Program:
    """The step and the evaluation of one shape and a number of slots, as functions of stacked tensors."""

    def __init__(self, shape: Mapping[str, Value], width: int, device: str = "cpu", compiled: bool = True) -> None:
        self.shape = dict(shape)
        self.source = build_source(shape)
        self.dimension, self.batch = int(shape["dimension"]), int(shape["batch"])
        self.build: Callable[[], Architecture] = functools.partial(build_model, self.shape)
        self.model = self.build()
        self._call = _Call(self.model)
        declared = axes_of(str(shape["source"]), str(shape["architecture"]))
        self.knobs = [a.name for a in declared if a.role == "knob"]
        self.source_knobs = [a.name for a in self.source.axes if a.role == "knob"]
        self.model_knobs = [a.name for a in self.model.axes if a.role == "knob"]
        self.optimizer = OPTIMIZERS[str(shape["optimizer"])]
        self.width, self.device, self.compiled = width, device, compiled
        keep_freed_memory()
        self.step = self._step()
        self.compiled_evaluation = compiled and int(shape["evaluation_samples"]) >= COMPILED_FROM
        self._summed = _compiled(self._sums(), device, graphs=False) if self.compiled_evaluation else self._sums()

    def start(self, cell: Cell) -> Architecture:
        """A cell's model where its training begins."""
        model = self.build()
        model.prepare(cell.settings)
        model.initialise(str(cell.settings["init"]), torch.Generator().manual_seed(int(cell.settings["seed"])))
        return model

    def knobs_of(self, cells: Sequence[Cell], device: torch.device) -> dict[str, Tensor]:
        """The knobs that the cells have, one entry a cell."""
        known = [name for name in self.knobs if name in cells[0].knobs]
        return {name: torch.tensor([cell.knobs[name] for cell in cells], device=device) for name in known}

    def latent(self, samples: int, table: Tensor, compiled: bool = False) -> Callable[[Tensor, Tensor], Tensor]:
        """The latent draws of this many samples from such a table."""
        of_source = {"source", "dimension", *(a.name for a in self.source.axes if a.role == "shape")}
        shape = tuple(i for i in self.shape.items() if i[0] in of_source)
        return _latent_program(shape, samples, tuple(table.shape), self.device, compiled and self.compiled)

    def call(self, method: str, weights: Parameters, *arguments: Tensor, **knobs: Tensor) -> Any:
        """A method of the model with one cell's parameters and buffers, those that are matrices in their few bits."""
        if "weight_bits" in knobs:
            bits = knobs.pop("weight_bits")
            names = dict(self.model.named_parameters())
            weights = {k: quantised(v, bits) if k in names and v.dim() > 1 else v for k, v in weights.items()}
        return functional_call(self._call, {f"model.{k}": v for k, v in weights.items()}, (method, *arguments), knobs)

    def _on_data(
        self, method: str, weights: Parameters, latent: Tensor, arguments: tuple[Tensor, ...], knobs: dict[str, Tensor]
    ) -> Any:
        x = self.source.sample(latent, **{k: knobs[k] for k in self.source_knobs if k in knobs})
        names = [*self.model_knobs, "weight_bits"]
        return self.call(method, weights, x, *arguments, **{k: knobs[k] for k in names if k in knobs})

    def _step(self) -> Callable[..., tuple[Parameters, Moments, Tensor]]:
        """One step of every slot: parameters, moments and summed losses after it, those given or new ones.

        `row` says which of `latents` and `noises` a slot reads; `controls` are how far training is, 0 to 1, and the
        optimizer's numbers, one each a slot.
        """

        def step(
            parameters: Parameters,
            buffers: Parameters,
            moments: Moments,
            latents: Tensor,
            noises: Tensor,
            row: Tensor,
            knobs: dict[str, Tensor],
            controls: Tensor,
            loss_sum: Tensor,
        ) -> tuple[Parameters, Moments, Tensor]:
            def objective(
                p: Parameters, b: Parameters, latent: Tensor, noise: Tensor, k: dict[str, Tensor], at: Tensor
            ) -> Tensor:
                return self._on_data("objective", {**p, **b}, latent, (noise, at), k)

            progress, *numbers = controls.unbind()
            gradients, losses = vmap(grad_and_value(objective))(
                parameters, buffers, latents[row], noises[row], knobs, progress
            )
            new, state = self.optimizer.update(
                parameters, gradients, moments, dict(zip(self.optimizer.numbers, numbers, strict=True))
            )
            return vmap(self.model.constrain)(new), state, loss_sum + losses

        def in_place(
            parameters: Parameters, buffers: Parameters, moments: Moments, *rest: Any
        ) -> tuple[Parameters, Moments, Tensor]:
            new, state, losses = step(parameters, buffers, moments, *rest)
            for held, values in ((parameters, new), (moments, state)):
                for name, value in values.items():
                    held[name].copy_(value)
            return parameters, moments, rest[-1].copy_(losses)

        # CUDA graphs replay addresses; on a CPU new tensors cost nothing, and inductor fails on some in-place programs.
        chosen = in_place if self.device == "cuda" else step
        return _compiled(chosen, self.device) if self.compiled else chosen

    def summed_losses(self, samples: int) -> Callable[..., Tensor]:
        """The losses of every cell on so many samples, summed, and their squares: (2, cell), from what `losses` takes."""
        return self._summed if samples == EVALUATION_CHUNK else self._sums()

    def _sums(self) -> Callable[..., Tensor]:
        def summed(
            weights: Parameters, latents: Tensor, noises: Tensor, row: Tensor, knobs: dict[str, Tensor]
        ) -> Tensor:
            losses = self.losses(weights, latents, noises, row, knobs).double()
            return torch.stack([losses.sum(dim=1), losses.square().sum(dim=1)])

        return summed

    def losses(
        self, weights: Parameters, latents: Tensor, noises: Tensor, row: Tensor, knobs: dict[str, Tensor]
    ) -> Tensor:
        """The loss of every cell on every sample, (cell, sample)."""

        def one(w: Parameters, latent: Tensor, noise: Tensor, k: dict[str, Tensor]) -> Tensor:
            return self._on_data("losses", w, latent, (noise,), k)

        return vmap(one)(weights, latents[row], noises[row], knobs)

    def code(
        self, weights: Parameters, latents: Tensor, row: Tensor, knobs: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The code of every cell on every sample, (cell, sample, code), and the data, (cell, sample, dim)."""

        def one(w: Parameters, latent: Tensor, k: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
            x = self.source.sample(latent, **{n: k[n] for n in self.source_knobs if n in k})
            return self._on_data("code", w, latent, (), k), x

        return vmap(one)(weights, latents[row], knobs)

    def probe(
        self, weights: Parameters, latents: Tensor, noises: Tensor, row: Tensor, knobs: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """What observables see of every cell: each of the model's `probe`, and ‖∂z/∂x‖²_F of a smooth code."""

        def one(w: Parameters, latent: Tensor, noise: Tensor, k: dict[str, Tensor]) -> dict[str, Tensor]:
            seen = self._on_data("probe", w, latent, (noise,), k)
            if self.model.smooth and "code" in seen:
                seen = {**seen, "jacobian": self._jacobian(w, latent[:JACOBIANS], k)}
            return seen

        return vmap(one)(weights, latents[row], noises[row], knobs)

    def _jacobian(self, weights: Parameters, latent: Tensor, knobs: dict[str, Tensor]) -> Tensor:
        x = self.source.sample(latent, **{k: knobs[k] for k in self.source_knobs if k in knobs})
        names = [*self.model_knobs, "weight_bits"]
        given = {k: knobs[k] for k in names if k in knobs}

        def code(one: Tensor) -> Tensor:
            return self.call("code", weights, one[None], **given)[0]

        return vmap(jacrev(code), chunk_size=8)(x).square().sum(dim=(1, 2))[:, None]


@functools.lru_cache(maxsize=1024)
def program(shape: Shape, width: int, device: str = "cpu", compiled: bool = True) -> Program:
    """The program of a shape and a width; one per process, so that each is compiled once."""
    return Program(dict(shape), width, device, compiled)
