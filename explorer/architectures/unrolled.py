"""A 1-bit code and a decoder of unrolled message passing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from explorer.architectures.base import Architecture, architectures
from explorer.architectures.encoders import haar_rows, identity_rows, unit_rows
from explorer.architectures.prior import Prior, prior_of, unknown_prior
from explorer.architectures.scalar import DENOISERS, NODES, ScalarDenoiser, bayes_table, tabulated
from explorer.architectures.signs import SignCode
from explorer.axes import Axis, Choices, Interval, Value
from explorer.theory.posterior import mmse
from explorer.theory.state_evolution import kappa

LAYERS = Axis("layers", "int", Interval(1, 64), 6, role="shape")

# Signs that contradict a message by more standard deviations are taken for errors of the message, which may not grow.
FURTHEST = 3.0
# In units of 1/√d, the order of its fluctuations from sample to sample, below which a layer would trust itself too much.
SMALLEST_VARIANCE = 1.0


def sign_output(p: Float[Tensor, "*size"], v: Tensor, z: Float[Tensor, "*size"]) -> Float[Tensor, "*size"]:
    """(E[u | sign u = z] − p)/v for u ~ N(p, v): z φ(t)/(√v Φ(zt)), t = p/√v clipped to ±3; linear in z between −1 and 1."""
    scale = v.sqrt()
    t = (p / scale).clamp(-FURTHEST, FURTHEST)
    density = torch.exp(-0.5 * t.square()) / math.sqrt(2 * math.pi)
    tail = 0.5 * torch.erfc(t.abs() / math.sqrt(2))
    near, far = density / (1 - tail), density / tail
    plus, minus = torch.where(t < 0, far, near), torch.where(t < 0, near, far)
    return ((1 + z) * plus - (1 - z) * minus) / (2 * scale)


class MessagePassing(nn.Module):
    """T layers of message passing for z = sign(Bx), with B of the encoder; scalars and denoisers Bayes-optimal, or learned.

    Layer t, from m₁ = 0:  g = sign_output(B m, v_t, z);  y = m + c_t Bᵀ g;  x̂ = f_t(y);  m ← (x̂ − ω_t y)/(1 − ω_t).
    `bayes`: v, γ and loss of `explorer.theory.state_evolution` at the cell's own source, c = v/(rκ), ω = γ loss (the Onsager
    term), f the posterior mean at γ. With rows of a Haar rotation this is vector approximate message passing, and its loss
    that of the state evolution. Learned: c, log v and ω are parameters, f a `ScalarDenoiser` a layer; they start at the values
    of a Gaussian source. With an i.i.d. Gaussian B it is approximate message passing: p = B x̂ − v g of the layer before,
    c = 1/γ, m ← x̂.

    Where the state evolution ends in perfect recovery, a sample of finite d that falls behind it is made worse by later
    layers, which trust it too much: use few layers there, or learned ones.
    """

    tables: Tensor
    ends: Tensor
    variance: Tensor
    gain: Tensor
    memory: Tensor

    def __init__(self, layers: int, denoiser: str, law: str = "haar") -> None:
        super().__init__()
        self.layers, self.bayes, self.law = layers, denoiser == "bayes", law
        if self.bayes:
            self.register_buffer("tables", torch.zeros(layers, NODES))
            self.register_buffer("ends", torch.ones(layers))
            for name in ("variance", "gain", "memory"):
                self.register_buffer(name, torch.zeros(layers))
        else:
            self.learned = nn.ModuleList(ScalarDenoiser(denoiser) for _ in range(layers))
            self.log_variance, self.gain, self.memory = (nn.Parameter(torch.zeros(layers)) for _ in range(3))

    def prepare(self, rate: float, dimension: int, settings: Mapping[str, Value]) -> None:
        """Set the scalars of every layer, and the tables of Bayes-optimal denoisers."""
        sparsity, base, shape = prior_of(settings) if self.bayes else (1.0, "gaussian", None)
        law = "gaussian" if self.law == "gaussian" else "haar"
        rate = rate if law == "gaussian" else min(rate, 1.0)
        prior = (sparsity, base, shape)
        variance, gamma, gain, memory = _scalars(rate, prior, self.layers, law, SMALLEST_VARIANCE / dimension**0.5)
        with torch.no_grad():
            self.gain.copy_(torch.from_numpy(gain))
            self.memory.copy_(torch.from_numpy(memory))
            if self.bayes:
                self.variance.copy_(torch.from_numpy(variance))
                for t in range(self.layers):
                    table, end = bayes_table(float(gamma[t]), sparsity, base, shape)
                    self.tables[t].copy_(torch.from_numpy(table))
                    self.ends[t] = end
            else:
                self.log_variance.copy_(torch.from_numpy(np.log(variance)))
                for t, denoiser in enumerate(self.learned):
                    denoiser.start(float(gamma[t] / (1 + gamma[t])))  # type: ignore[operator]

    def forward(self, code: Float[Tensor, "sample code"], encoder: Float[Tensor, "code dim"]) -> Tensor:
        message = torch.zeros(code.shape[0], encoder.shape[1], dtype=code.dtype, device=code.device)
        output = torch.zeros_like(code)
        estimate = message
        for t in range(self.layers):
            variance = self.variance[t] if self.bayes else self.log_variance[t].exp()
            seen = message @ encoder.T
            if self.law == "gaussian":
                seen = seen - variance * output
            output = sign_output(seen, variance, code)
            y = message + self.gain[t] * (output @ encoder)
            estimate = tabulated(y, self.tables[t], self.ends[t]) if self.bayes else self.learned[t](y)
            memory = self.memory[t]
            message = estimate if self.law == "gaussian" else (estimate - memory * y) / (1 - memory)
        return estimate


def _scalars(rate: float, prior: Prior, layers: int, law: str, floor: float) -> tuple[np.ndarray, ...]:
    """v, γ, the gain c and the memory ω of every layer: the state evolution, with v kept above a floor."""
    variance, gamma, gain, memory = (np.zeros(layers) for _ in range(4))
    v = 1.0
    for t in range(layers):
        told = rate * float(kappa(v))
        precision = told / v if law == "gaussian" else told / v / (1 - told)
        loss = float(mmse(precision, *prior))
        variance[t], gamma[t], gain[t] = v, precision, 1 / precision if law == "gaussian" else v / told
        memory[t] = min(precision * loss, 1 - 1e-3)
        v = max(floor, min(1.0, loss if law == "gaussian" else loss / (1 - memory[t])))
    return variance, gamma, gain, memory


@architectures.register("unrolled")
class Unrolled(SignCode, Architecture):
    """x̂ = D_T(sign(Bx)), B learned with unit-norm rows, D_T the message passing of `MessagePassing`, which shares B.

    Kögler et al. 2024 (arXiv 2402.05013), multi-layer decoder, after Venkataramanan, Kögler & Mondelli 2022 (RI-GAMP); the layers
    here are those of VAMP for orthonormal rows (Rangan, Schniter & Fletcher 2019, arXiv 1610.03082), whose first layer is the
    architecture `denoiser`. Limit: `explorer.theory.multilayer_loss`. Start: rows of a Haar rotation.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        LAYERS,
        Axis("denoiser", "str", Choices(DENOISERS), "bayes", role="shape"),
        *SignCode.sign_axes,
    )
    inits: ClassVar[tuple[str, ...]] = ("random", "identity")

    def __init__(
        self,
        dimension: int,
        code_dimension: int,
        layers: int = 6,
        denoiser: str = "bayes",
        surrogate: str = "straight_through",
    ) -> None:
        super().__init__()
        self.surrogate, self.rate = surrogate, code_dimension / dimension
        self.encoder = nn.Parameter(torch.zeros(code_dimension, dimension))
        self.passing = MessagePassing(layers, denoiser)

    @classmethod
    def refusal(cls, settings: Mapping[str, Value]) -> tuple[str, str] | None:
        return unknown_prior(settings) if settings["denoiser"] == "bayes" else None

    @property
    def activations(self) -> int:
        return (5 + 5 * self.passing.layers) * sum(self.encoder.shape)

    def prepare(self, settings: Mapping[str, Value]) -> None:
        self.passing.prepare(self.rate, self.encoder.shape[1], settings)

    def initialise(self, init: str, generator: torch.Generator) -> None:
        rows, columns = self.encoder.shape
        start = identity_rows(rows, columns) if init == "identity" else haar_rows(rows, columns, generator)
        with torch.no_grad():
            self.encoder.copy_(start)

    def decode(self, code: Float[Tensor, "sample code"]) -> Float[Tensor, "sample dim"]:
        return self.passing(code, self.encoder)

    def constrain(self, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        return {**parameters, "encoder": unit_rows(parameters["encoder"])}

    def minimizer(self) -> dict[str, Tensor]:
        return {"encoder": self.encoder.detach()}
