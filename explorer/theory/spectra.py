"""Spectra of a covariance by the names of settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from explorer.theory.domain import Array


def blocks(text: str) -> tuple[Array, Array]:
    """Eigenvalues and the shares of the coordinates that have them, from text such as "4, 0.25" or "9:0.25, 1:0.75"."""
    pairs = [[float(number) for number in part.split(":")] for part in text.split(",")]
    values = np.array([pair[0] for pair in pairs])
    return values, np.array([pair[1] if len(pair) == 2 else 1 / len(pairs) for pair in pairs])


def counts(shares: Array, dimension: int) -> list[int]:
    """Coordinates of each block: round(d (w_1 + … + w_j)) in the first j."""
    return np.diff(np.rint(dimension * np.cumsum(shares)), prepend=0.0).astype(int).tolist()


def eigenvalues(settings: Mapping[str, Any]) -> Array:
    """The spectrum of a cell's covariance; of mean 1 but for `blocks`, whose eigenvalues are as given."""
    dimension, spectrum = int(settings["dimension"]), settings["spectrum"]
    if spectrum == "blocks":
        values, shares = blocks(str(settings["eigenvalues"]))
        return np.repeat(values, counts(shares, dimension))
    values = np.ones(dimension)
    if spectrum == "power_law":
        values = np.arange(1, dimension + 1) ** -float(settings["exponent"])
    elif spectrum == "spiked":
        values[: int(settings["spikes"])] += float(settings["spike_strength"])
    return values / values.mean()
