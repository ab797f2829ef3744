"""What an observable is, and the list of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from explorer.axes import Interval
from explorer.registry import Registry

Minimizer = Mapping[str, Float[np.ndarray, "row column"]]


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
    """Every registered observable of a minimizer; None where it lacks a finite matrix, or the value is not finite."""
    values: dict[str, float | None] = {}
    finite = {name for name, matrix in minimizer.items() if np.isfinite(matrix).all()}
    for name, observable in observables.items():
        if finite.issuperset(observable.needs):
            value = float(observable.compute(*(minimizer[matrix] for matrix in observable.needs)))
            values[name] = value if np.isfinite(value) else None
        else:
            values[name] = None
    return values
