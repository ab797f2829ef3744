"""What an observable is, and the list of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.registry import Registry

Minimizer = Mapping[str, Float[np.ndarray, "..."]]


@dataclass(frozen=True, slots=True)
class Observable:
    """A number computed from a minimizer: which matrices it needs, its range, its value in the pure phases.

    `rotation(n, d)` is the value for a random rotation (large d), `identity` that of the identity phase; None where
    the observable does not tell.
    """

    compute: Callable[..., float]
    needs: tuple[str, ...]
    range: Interval
    rotation: Callable[[int, int], float] | None = None
    identity: float | None = None


observables: Registry[Observable] = Registry("observable", "explorer.observables")


def observe(minimizer: Minimizer) -> dict[str, float | None]:
    """Every registered observable of a minimizer; None where it lacks a finite matrix, or the value is not finite.

    Observables of `encoder` see its rows' directions: unless all norms are 1 (to 1e-4), rows are divided by them and zero rows
    stay. `raw_encoder` is the encoder as it is. Arrays that are no matrices are passed over.
    """
    matrices = {
        name: array for name, array in minimizer.items() if array.ndim == 2 and array.size and np.isfinite(array).all()
    }
    if "encoder" in matrices:
        if "raw_encoder" not in minimizer:
            matrices["raw_encoder"] = matrices["encoder"]
        matrices["encoder"] = _directions(matrices["encoder"])
    values: dict[str, float | None] = {}
    for name, observable in observables.items():
        if matrices.keys() >= set(observable.needs):
            value = float(observable.compute(*(matrices[matrix] for matrix in observable.needs)))
            values[name] = value if np.isfinite(value) else None
        else:
            values[name] = None
    return values


def _directions(encoder: Float[np.ndarray, "code dim"]) -> Float[np.ndarray, "code dim"]:
    rows = encoder.astype(np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if (np.abs(norms - 1) <= 1e-4).all():
        return encoder
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
