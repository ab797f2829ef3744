"""Gaussian data with any spectrum of its covariance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from torch import Tensor

from explorer.axes import Axis, Choices, Interval, Pattern, Value
from explorer.sources.base import Source, Split, sources
from explorer.sources.constants import haar
from explorer.sources.quantiles import NODES, quantile_table, symmetric
from explorer.theory.spectra import blocks, counts, eigenvalues

SPECTRA = ("isotropic", "power_law", "spiked", "blocks")
_NUMBER = r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_PAIR = f"{_NUMBER}:{_NUMBER}"
BLOCKS = Pattern(
    f"{_NUMBER}(, *{_NUMBER})*|{_PAIR}(, *{_PAIR})*",
    'the form "4, 0.25" (equal shares) or "9:0.25, 1:0.75" (eigenvalue:share)',
)


@sources.register("gaussian")
class Gaussian(Source):
    """x ~ N(0, Σ), Σ = Q Λ Qᵀ (Shevchenko et al. 2023, arXiv 2212.13468; section 3 for the identity).

    `spectrum`, with i = 1 … d:
        isotropic   Σ = I
        power_law   λ_i ∝ i^-exponent
        spiked      λ_i ∝ 1 + spike_strength for i ≤ spikes, 1 beyond
        blocks      the `eigenvalues` as given, each with its share of the d coordinates
    Those with ∝ are of mean 1. Q is a random rotation of the seed, or the identity where `rotated` is false.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("spectrum", "str", Choices(SPECTRA), "isotropic", role="stream", neutral="isotropic"),
        Axis("exponent", "float", Interval(0.0, 16.0), 1.0, role="stream", when={"spectrum": ("power_law",)}),
        Axis("spikes", "int", Interval(1, 65536), 1, role="stream", when={"spectrum": ("spiked",)}),
        Axis("spike_strength", "float", Interval(0.0, 1e9), 4.0, role="stream", when={"spectrum": ("spiked",)}),
        Axis("eigenvalues", "str", BLOCKS, role="stream", when={"spectrum": ("blocks",)}),
        Axis("rotated", "bool", None, True, role="stream", when={"spectrum": SPECTRA[1:]}),
    )

    @classmethod
    def refusal(cls, settings: Mapping[str, Value]) -> tuple[str, str] | None:
        dimension = int(settings["dimension"])
        if settings["spectrum"] == "spiked" and int(settings["spikes"]) > dimension:
            return "spikes", f"found {settings['spikes']} spikes in dimension {dimension}, expected at most {dimension}"
        if settings["spectrum"] != "blocks":
            return None
        values, shares = blocks(str(settings["eigenvalues"]))
        if abs(shares.sum() - 1) > 1e-9:
            return "eigenvalues", f"found shares that sum to {shares.sum():.12g}, expected 1"
        if not (0 < values.max() <= 1e9):
            return "eigenvalues", f"found {values.max():.12g} as the largest, expected a number in (0, 1e9]"
        for value, share, count in zip(values, shares, counts(shares, dimension), strict=True):
            if count == 0:
                return "eigenvalues", (
                    f"found a share of {share:.12g} for the eigenvalue {value:.12g}, which is no coordinate "
                    f"in dimension {dimension}, expected one or more"
                )
        return None

    def table(self, settings: Mapping[str, Value], split: Split) -> Float[np.ndarray, " number"]:
        """Quantile nodes; then, unless isotropic, the d × d matrix Λ^(1/2) Qᵀ."""
        del split
        nodes = quantile_table("gaussian")
        if settings["spectrum"] == "isotropic":
            return nodes
        values, axes = self._principal(settings)
        return np.concatenate([nodes, (np.sqrt(values)[:, None] * axes.T).ravel()])

    def table_shape(self, settings: Mapping[str, Value], split: Split) -> tuple[int, ...]:
        del split
        return (NODES + (0 if settings["spectrum"] == "isotropic" else self.dimension**2),)

    def latent(self, uniforms: Float[Tensor, "sample width"], table: Tensor) -> Float[Tensor, "sample 1 dim"]:
        x = symmetric(uniforms, table[:NODES])
        if table.shape[0] > NODES:
            x = x @ table[NODES:].reshape(self.dimension, self.dimension)
        return x[..., None, :]

    def reference(self, settings: Mapping[str, Value]) -> dict[str, Float[np.ndarray, "row column"]]:
        if settings["spectrum"] == "isotropic" or math.isclose(np.ptp(eigenvalues(settings)), 0.0, abs_tol=1e-12):
            return {}
        values, axes = self._principal(settings)
        covariance = (axes * values) @ axes.T
        return {"covariance": covariance, "evaluation_covariance": covariance}

    def _principal(
        self, settings: Mapping[str, Value]
    ) -> tuple[Float[np.ndarray, " dim"], Float[np.ndarray, "dim dim"]]:
        d = self.dimension
        axes = haar(int(settings["seed"]), "rotation", d, d) if settings["rotated"] else np.eye(d)
        return eigenvalues(settings), axes
