"""Data on a smooth manifold of few dimensions, flat or curved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

from explorer.axes import Axis, Interval, Value
from explorer.sources.base import Source, Split, sources
from explorer.sources.constants import haar, normals, uniforms
from explorer.sources.quantiles import NODES, quantile_table, symmetric

DAMPING = float(np.exp(-0.5))  # E cos(w·g) for |w| = 1


class _Map(NamedTuple):
    """U (d × k), V (d × m), the unit frequencies w (m × k), the phases b (m) and the features' covariance (m × m)."""

    flat: Float[np.ndarray, "dim intrinsic"]
    bent: Float[np.ndarray, "dim feature"]
    frequencies: Float[np.ndarray, "feature intrinsic"]
    phases: Float[np.ndarray, " feature"]
    covariance: Float[np.ndarray, "feature feature"]


@sources.register("manifold")
class Manifold(Source):
    """x = (y + τ ε)/√(1 + τ²), y = √(d/(k (1 + c²))) (U g + c V f(g)), g ~ N(0, I_k), ε ~ N(0, I_d): E ‖x‖²/d = 1.

    k is `intrinsic`, c is `curvature`, τ is `ambient_noise`. [U V] is d × (k + m), m = min(2k, d - k), with orthonormal
    columns, uniform among all such. The features are smooth and have no linear part,
        f_j ∝ cos(w_j·g + b_j) - e^(-1/2) (cos b_j - w_j·g sin b_j), |w_j| = 1,
    with random directions w_j and phases b_j, each of mean 0, variance k/m and no correlation with g: y is the graph of a
    function over the k-plane of U, whose rank is k for c = 0 and k + m beyond (mostly), and c² the ratio of curved to flat
    variance. The map is one for each seed. Random features as in Rahimi and Recht 2007 (NIPS 20); the source is this project's own.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("intrinsic", "int", Interval(1, 65536), 2, role="stream"),
        Axis("curvature", "float", Interval(0.0, 1e3), 0.0, role="stream"),
        Axis("ambient_noise", "float", Interval(0.0, 1e3), 0.0, role="stream"),
    )

    @classmethod
    def refusal(cls, settings: Mapping[str, Value]) -> tuple[str, str] | None:
        dimension, intrinsic = int(settings["dimension"]), int(settings["intrinsic"])
        if intrinsic > dimension:
            return "intrinsic", f"found {intrinsic} in dimension {dimension}, expected at most {dimension}"
        if intrinsic == dimension and float(settings["curvature"]) > 0:
            return (
                "curvature",
                f"found a curved manifold of all {dimension} dimensions, expected 0, or a smaller intrinsic",
            )
        return None

    @property
    def width(self) -> int:
        """g, of which the first k count, and ε."""
        return 2 * self.dimension

    def table(self, settings: Mapping[str, Value], split: Split) -> Float[np.ndarray, " number"]:
        """Quantile nodes, τ/√(1 + τ²) and Uᵀ with its factor; for c > 0 also b, wᵀ and Vᵀ with its factors.

        All d × d or d, zero beyond k and m, so that one program serves every k.
        """
        del split
        law = _map(settings)
        noise, curvature = float(settings["ambient_noise"]), float(settings["curvature"])
        intrinsic, features = len(law.flat.T), len(law.phases)
        scale = (self.dimension / (intrinsic * (1 + curvature**2) * (1 + noise**2))) ** 0.5
        parts = [quantile_table("gaussian"), [noise / (1 + noise**2) ** 0.5], self._padded(scale * law.flat.T)]
        if curvature > 0:
            height = scale * curvature * np.sqrt(intrinsic / features / np.diagonal(law.covariance))
            phases = np.pad(law.phases, (0, self.dimension - features))
            parts += [phases, self._padded(law.frequencies.T), self._padded((law.bent * height).T)]
        return np.concatenate(parts)

    def table_shape(self, settings: Mapping[str, Value], split: Split) -> tuple[int, ...]:
        del split
        d, curved = self.dimension, float(settings["curvature"]) > 0
        return (NODES + 1 + d * d + (d + 2 * d * d if curved else 0),)

    def latent(self, uniforms: Float[Tensor, "sample width"], table: Tensor) -> Float[Tensor, "sample 1 dim"]:
        d = self.dimension
        g, noise = symmetric(uniforms, table[:NODES]).chunk(2, dim=-1)
        rest = table[NODES + 1 :]
        x = g @ rest[: d * d].reshape(d, d) + table[NODES] * noise
        rest = rest[d * d :]
        if rest.shape[0] > 0:
            phases, frequencies, bent = rest[:d], rest[d : d + d * d].reshape(d, d), rest[d + d * d :].reshape(d, d)
            along = g @ frequencies
            features = (along + phases).cos() - DAMPING * (phases.cos() - along * phases.sin())
            x = x + features @ bent
        return x[:, None, :]

    def reference(self, settings: Mapping[str, Value]) -> dict[str, Float[np.ndarray, "row column"]]:
        d, law = self.dimension, _map(settings)
        noise, curvature, intrinsic = float(settings["ambient_noise"]), float(settings["curvature"]), len(law.flat.T)
        if intrinsic == d:
            return {}
        deviation = np.sqrt(np.diagonal(law.covariance))
        correlation = law.covariance / np.outer(deviation, deviation)
        bent = curvature**2 * intrinsic / len(deviation) * law.bent @ correlation @ law.bent.T
        signal = d / (intrinsic * (1 + curvature**2)) * (law.flat @ law.flat.T + bent)
        covariance = (signal + noise**2 * np.eye(d)) / (1 + noise**2)
        return {"covariance": covariance, "evaluation_covariance": covariance}

    def _padded(self, matrix: Float[np.ndarray, "row column"]) -> Float[np.ndarray, " number"]:
        d = self.dimension
        return np.pad(matrix, [(0, d - size) for size in matrix.shape]).ravel()


def _map(settings: Mapping[str, Value]) -> _Map:
    seed, d, k = int(settings["seed"]), int(settings["dimension"]), int(settings["intrinsic"])
    m = min(2 * k, d - k)
    basis = haar(seed, "manifold", d, k + m)
    directions = normals(seed, "frequencies", m, k)
    w = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    b = 2 * np.pi * uniforms(seed, "phases", m)
    return _Map(basis[:, :k], basis[:, k:], w, b, _covariance(w, b))


def _covariance(
    w: Float[np.ndarray, "feature intrinsic"], b: Float[np.ndarray, " feature"]
) -> Float[np.ndarray, "feature feature"]:
    """E f_i f_j of the features before scaling, from E cos(u·g + a) = e^(-|u|²/2) cos a."""
    cosines = w @ w.T
    product = np.exp(cosines - 1) * np.cos(b[:, None] - b) / 2 + np.exp(-cosines - 1) * np.cos(b[:, None] + b) / 2
    return product - DAMPING**2 * (np.outer(np.cos(b), np.cos(b)) + cosines * np.outer(np.sin(b), np.sin(b)))
