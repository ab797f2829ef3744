"""Every prediction by name, with its arguments, its source and a bound on its numerical error."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from explorer.theory.anisotropic import anisotropic_loss
from explorer.theory.denoiser import denoiser_loss
from explorer.theory.domain import check_rate, check_source
from explorer.theory.gaussian import gaussian_loss
from explorer.theory.linear import pca_loss
from explorer.theory.mixed import mixed_loss
from explorer.theory.rate_distortion import rate_distortion, reverse_waterfilling
from explorer.theory.sparse import critical_sparsity, identity_loss
from explorer.theory.state_evolution import state_evolution

S23 = "Shevchenko et al. 2023 (arXiv 2212.13468)"
K24 = "Kögler et al. 2024 (arXiv 2402.05013)"

# Values of arguments that need not be given; those without one are required.
DEFAULTS: dict[str, Any] = {
    "base": "rademacher",
    "shape": None,
    "activation": "sign",
    "layers": None,
    "start": "uninformed",
}
_SPARSE = ("rate", "sparsity", "base", "shape")
_ROUNDING = 1e-12
_QUADRATURE = 1e-9


@dataclass(frozen=True)
class Prediction:
    """One name: the arguments it takes, where it stands, and its value, error bound and further columns at one point."""

    arguments: tuple[str, ...]
    source: str
    at: Callable[..., dict[str, Any]]


def _closed(value: Any) -> dict[str, Any]:
    return {"value": float(value), "error": _ROUNDING}


def _gaussian(rate: float, activation: str) -> dict[str, Any]:
    check_rate(rate)
    return {"value": float(gaussian_loss(rate, activation)), "error": 1e-10 if activation == "tanh" else _ROUNDING}


def _identity(rate: float, sparsity: float, base: str, shape: float | None) -> dict[str, Any]:
    _check_code(rate, sparsity, base, shape)
    return _closed(identity_loss(rate, sparsity, base, shape))


def _critical(base: str, shape: float | None) -> dict[str, Any]:
    check_source(1.0, base, shape)
    return _closed(critical_sparsity(base, shape))


def _mixed(rate: float, sparsity: float, base: str, shape: float | None) -> dict[str, Any]:
    _check_code(rate, sparsity, base, shape)
    loss, t = mixed_loss(rate, sparsity, base, shape)
    return {"t": float(t), "value": float(loss), "error": _QUADRATURE}


def _denoiser(rate: float, sparsity: float, base: str, shape: float | None) -> dict[str, Any]:
    _check_code(rate, sparsity, base, shape)
    return {"value": float(denoiser_loss(rate, sparsity, base, shape)), "error": _noise(base, shape)}


def _multilayer(
    rate: float, sparsity: float, base: str, shape: float | None, layers: int | None, start: Any
) -> dict[str, Any]:
    found = state_evolution(rate, sparsity, base, shape, layers, start)
    last = abs(found.loss[-1] - found.loss[-2]) if layers is None and len(found.loss) > 1 else 0.0
    error = 100 * _noise(base, shape) + 1e3 * float(last)
    return {"layers": len(found.loss), "value": found.fixed_point, "error": error}


def _rate_distortion(rate: float, sparsity: float, base: str, shape: float | None) -> dict[str, Any]:
    value, error = rate_distortion(rate, sparsity, base, shape)
    return {"value": float(value), "error": float(error)}


def _noise(base: str, shape: float | None) -> float:
    """Error of `mmse`: 1e-9, and 1e-6 near the cliff of a generalized Gaussian with a large shape."""
    return 1e-6 if base == "generalized_gaussian" and shape is not None and shape > 8 else _QUADRATURE


def _check_code(rate: float, sparsity: float, base: str, shape: float | None) -> None:
    check_rate(rate)
    check_source(sparsity, base, shape)
    if rate > 1:
        raise ValueError(f"rate {rate!r} is outside [0, 1]")


CATALOGUE: dict[str, Prediction] = {
    "gaussian": Prediction(("rate", "activation"), f"{S23}, lower bounds for r ≤ 1 and r > 1", _gaussian),
    "identity": Prediction(_SPARSE, f"{K24}, identity phase", _identity),
    "critical_sparsity": Prediction(("base", "shape"), f"{K24}, critical sparsity", _critical),
    "mixed": Prediction(_SPARSE, "this project, mixed encoders; in no paper, best of its family only", _mixed),
    "denoiser": Prediction(_SPARSE, f"{K24}, denoising decoder", _denoiser),
    "multilayer": Prediction(
        (*_SPARSE, "layers", "start"), f"{K24}, multi-layer decoder; state evolution of VAMP", _multilayer
    ),
    "rate_distortion": Prediction(_SPARSE, "Shannon 1959; Blahut 1972, Arimoto 1972, Csiszár 1974", _rate_distortion),
    "pca": Prediction(
        ("eigenvalues", "rate"), "Baldi and Hornik 1989; Eckart and Young 1936", lambda **a: _closed(pca_loss(**a))
    ),
    "reverse_waterfilling": Prediction(
        ("eigenvalues", "rate"),
        "Kolmogorov 1956; Cover and Thomas, theorem 10.3.3",
        lambda **a: _closed(reverse_waterfilling(**a)),
    ),
    "anisotropic": Prediction(
        ("eigenvalues", "rate", "activation"),
        f"this project, not proved; problem of {S23}, theorem on general covariance",
        lambda **a: {"value": float(anisotropic_loss(**a)), "error": 1e-10},
    ),
}


def tabulate(name: str, given: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Rows of a prediction over the outer product of the values given for its arguments: inputs, `value`, `error`, `source`.

    `error` bounds the numerical error of `value`; it says nothing of how large d must be. `mixed` adds its best t; `multilayer`
    gives the number of layers taken. Eigenvalues are one spectrum, given as one value. A shape is used with generalized_gaussian only.
    Raises ValueError for an unknown name, an argument it does not take, one that is missing, or a value outside its domain.
    """
    if name not in CATALOGUE:
        raise ValueError(
            f'there is no prediction "{name}"; expected one of {", ".join(CATALOGUE)}.{_near(name, CATALOGUE)}'
        )
    prediction = CATALOGUE[name]
    for argument in given:
        if argument not in prediction.arguments:
            raise ValueError(
                f"--{argument}: {name} does not take it; expected {', '.join(f'--{a}' for a in prediction.arguments)}."
            )
    for argument in prediction.arguments:
        if argument not in given and argument not in DEFAULTS:
            raise ValueError(f"--{argument}: missing; {name} needs it.")
    if "shape" in given and "generalized_gaussian" not in given.get("base", ()):
        raise ValueError("--shape: has a meaning with --base generalized_gaussian only.")
    columns = [given.get(argument, [DEFAULTS.get(argument)]) for argument in prediction.arguments]
    rows = []
    for point in _distinct(prediction.arguments, product(*columns)):
        rows.append({**_shown(point), **prediction.at(**point), "source": prediction.source})
    return rows


def _distinct(names: Sequence[str], points: Any) -> list[dict[str, Any]]:
    """The points as arguments, the shape left out where the base has none, each once."""
    kept: list[dict[str, Any]] = []
    for values in points:
        point = dict(zip(names, values, strict=True))
        if "shape" in point and point["base"] != "generalized_gaussian":
            point["shape"] = None
        if point not in kept:
            kept.append(point)
    return kept


def _shown(point: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs as columns: a spectrum as text."""
    return {k: ",".join(f"{x:g}" for x in np.ravel(v)) if k == "eigenvalues" else v for k, v in point.items()}


def _near(name: str, known: Any) -> str:
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f' Did you mean "{match[0]}"?' if match else ""
