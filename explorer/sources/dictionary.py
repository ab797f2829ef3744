"""Sparse combinations of the atoms of a random dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from explorer.axes import Axis, Choices, Value, open_closed
from explorer.sources.base import Source, Split, sources
from explorer.sources.constants import normals

# E g and E g² of g uniform on [1/2, 3/2].
MEAN, SQUARE = 1.0, 13 / 12


@sources.register("dictionary")
class Dictionary(Source):
    """x = s D c, c_j = a_j g_j, a_j ~ Bernoulli(active), independent; D is d × k, k = round(atoms · d), one for each seed.

    The columns of D are uniform on the unit sphere: their largest |cosine| is about 2 √(ln k / d) for large d.
    `coefficients`: `nonnegative` g_j uniform on [1/2, 3/2], a case of the nonnegative bounded ones of Rangamani et al. 2017
    (arXiv 1708.03735), so that x is not centred; `signed` the same with a random sign. s, from D, makes E ‖x‖²/d = 1.
    Cells of a seed share the uniforms: the atoms that are active at a smaller share are so at a larger one.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("atoms", "float", open_closed(0.0, 8.0), 2.0, role="shape"),
        Axis("active", "float", open_closed(0.0, 1.0), 0.1, role="stream"),
        Axis("coefficients", "str", Choices(("nonnegative", "signed")), "nonnegative", role="stream"),
    )

    def __init__(self, dimension: int, atoms: float) -> None:
        super().__init__(dimension)
        self.atoms = max(1, round(atoms * dimension))

    @property
    def width(self) -> int:
        return 2 * self.atoms

    def table(self, settings: Mapping[str, Value], split: Split) -> Float[np.ndarray, " number"]:
        """The share of active atoms, 1 for signed coefficients or 0, and the k × d matrix s Dᵀ."""
        del split
        signed = float(settings["coefficients"] == "signed")
        return np.concatenate(
            [[float(settings["active"]), signed], (self._columns(settings) * self._scale(settings)).T.ravel()]
        )

    def table_shape(self, settings: Mapping[str, Value], split: Split) -> tuple[int, ...]:
        del settings, split
        return (2 + self.atoms * self.dimension,)

    def latent(self, uniforms: Float[Tensor, "sample width"], table: Tensor) -> Float[Tensor, "sample 1 dim"]:
        active, value = uniforms.chunk(2, dim=-1)
        centred = 2 * value - 1
        signed = centred.sign() * (0.5 + centred.abs())
        coefficients = torch.where(active < table[0], torch.where(table[1] > 0, signed, 0.5 + value), 0.0)
        return (coefficients @ table[2:].reshape(self.atoms, self.dimension))[:, None, :]

    def reference(self, settings: Mapping[str, Value]) -> dict[str, Float[np.ndarray, "row column"]]:
        dictionary = self._columns(settings)
        covariance = self._scale(settings) ** 2 * _moments(dictionary, settings)
        return {"dictionary": dictionary, "covariance": covariance, "evaluation_covariance": covariance}

    def _columns(self, settings: Mapping[str, Value]) -> Float[np.ndarray, "dim atom"]:
        atoms = normals(int(settings["seed"]), "dictionary", self.atoms, self.dimension).T
        return atoms / np.linalg.norm(atoms, axis=0)

    def _scale(self, settings: Mapping[str, Value]) -> float:
        return float((self.dimension / np.trace(_moments(self._columns(settings), settings))) ** 0.5)


def _moments(dictionary: Float[np.ndarray, "dim atom"], settings: Mapping[str, Value]) -> Float[np.ndarray, "dim dim"]:
    """D E[ccᵀ] Dᵀ, with E[ccᵀ] = (π m₂ - μ²) I + μ² 11ᵀ and μ = π m₁, or 0 for signed coefficients."""
    share = float(settings["active"])
    mean = 0.0 if settings["coefficients"] == "signed" else share * MEAN
    total = mean * dictionary.sum(axis=1)
    return (share * SQUARE - mean**2) * dictionary @ dictionary.T + np.outer(total, total)
