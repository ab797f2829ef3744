"""A Bernoulli mask over any other source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from explorer.axes import Axis, Choices, Value
from explorer.errors import ExplorerError
from explorer.sources.base import Source, Split, sources
from explorer.sources.sparse import SPARSITY, masked

Members = tuple[tuple[str, type[Source]], ...]


@lru_cache(maxsize=8)
def _axes(members: Members) -> tuple[Axis, ...]:
    """Its own axes, and those of every source without a sparsity, where that is the inner one."""
    inside = {name: member.axes for name, member in members if all(a.name != SPARSITY.name for a in member.axes)}
    found: dict[str, Axis] = {}
    owners: dict[str, tuple[str, ...]] = {}
    for name, axes in inside.items():
        for axis in axes:
            if found.setdefault(axis.name, axis) != axis:
                raise ExplorerError(
                    f'setting "{axis.name}": source "{name}" declares it otherwise than source "{owners[axis.name][0]}"; '
                    "expected one declaration, or two names."
                )
            owners[axis.name] = (*owners.get(axis.name, ()), name)
    inner = Axis("inner", "str", Choices(tuple(inside)), role="shape")
    # A setting's own condition stands first: a message about a setting without effect names the first.
    passed = (replace(a, when={**(a.when or {}), inner.name: owners[a.name]}) for a in found.values())
    return SPARSITY, inner, *passed


class _Axes:
    """Read from the registry on every use, so that a source which joins later can be the inner one too."""

    def __get__(self, instance: Source | None, owner: type[Source]) -> tuple[Axis, ...]:
        return _axes(tuple((name, member) for name, member in sources.items() if not issubclass(member, Masked)))


@sources.register("masked")
class Masked(Source):
    """x_i = b_i y_i / √p, b_i ~ Bernoulli(p), y of the `inner` source: E x_i² = E y_i² at every p.

    Over a Gaussian it is the sparse source with that base. The mask thresholds one uniform that cells of a seed share, so
    the support at a smaller p is a subset of that at a larger one. Over images each step masks afresh; with a finite number
    of `samples` of any other source, each sample has one mask.
    """

    axes = _Axes()  # type: ignore[assignment]

    def __init__(self, dimension: int, inner: str, **settings: Value) -> None:
        super().__init__(dimension)
        law = sources[inner]
        shape = {axis.name for axis in law.axes if axis.role == "shape"}
        self.inner = law(dimension, **{k: v for k, v in settings.items() if k in shape})
        self.finite = self.inner.finite

    @classmethod
    def implied(cls, settings: Mapping[str, Value]) -> dict[str, Value]:
        return sources[str(settings["inner"])].implied(settings)

    @classmethod
    def refusal(cls, settings: Mapping[str, Value]) -> tuple[str, str] | None:
        return sources[str(settings["inner"])].refusal(settings)

    @property
    def width(self) -> int:
        return self.dimension + self.inner.width

    def table(self, settings: Mapping[str, Value], split: Split) -> Float[np.ndarray, "..."]:
        return self.inner.table(settings, split)

    def table_shape(self, settings: Mapping[str, Value], split: Split) -> tuple[int, ...]:
        return self.inner.table_shape(settings, split)

    def latent(self, uniforms: Float[Tensor, "sample width"], table: Tensor) -> Float[Tensor, "sample layer dim"]:
        """The mask's uniforms, then the layers of the inner source."""
        mask, rest = uniforms[:, : self.dimension], uniforms[:, self.dimension :]
        return torch.cat([mask[:, None, :], self.inner.latent(rest, table)], dim=-2)

    def sample(self, latent: Float[Tensor, "sample layer dim"], **knobs: Tensor) -> Float[Tensor, "sample dim"]:
        sparsity = knobs.pop(SPARSITY.name)
        return masked(latent[..., 0, :], self.inner.sample(latent[..., 1:, :], **knobs), sparsity)

    def reference(self, settings: Mapping[str, Value]) -> dict[str, Float[np.ndarray, "row column"]]:
        """diag(Σ) + p (Σ - diag(Σ)) for each of the inner source's second moments Σ; its dictionary as it is."""
        known = self.inner.reference(settings)
        moments = {name: value for name, value in known.items() if name != "dictionary"}
        others = {name: value for name, value in known.items() if name == "dictionary"}
        sparsity = float(settings[SPARSITY.name])
        return {**others, **{name: _thinned(value, sparsity) for name, value in moments.items()}}


def _thinned(moments: Float[np.ndarray, "dim dim"], sparsity: float) -> Float[np.ndarray, "dim dim"]:
    return np.where(np.eye(len(moments), dtype=bool), moments, sparsity * moments)
