"""State evolution of the multi-layer decoder of a 1-bit code."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from explorer.theory.domain import check_rate, check_source, over, panels
from explorer.theory.posterior import mmse

Start = Literal["uninformed", "informed"]
Encoder = Literal["haar", "gaussian"]
STARTS: tuple[Start, ...] = ("uninformed", "informed")
ENCODERS: tuple[Encoder, ...] = ("haar", "gaussian")

_INFORMED = 1e-8
_SETTLED = 1e-10
_MOST_LAYERS = 5000


@dataclass(frozen=True)
class StateEvolution:
    """The trajectory: at layer t (entry t − 1) the variance v it starts from, κ(v), γ, and loss = mmse(γ).

    Perfect recovery is v = 0, κ = 0, γ = ∞, loss = 0.
    """

    v: NDArray[np.float64]
    kappa: NDArray[np.float64]
    gamma: NDArray[np.float64]
    loss: NDArray[np.float64]

    @property
    def fixed_point(self) -> float:
        """The loss of the last layer: the fixed point where `converged`."""
        return float(self.loss[-1])

    @property
    def converged(self) -> bool:
        """Whether the last layer changed the loss by less than 1e-10."""
        return len(self.loss) > 1 and bool(abs(self.loss[-1] - self.loss[-2]) < _SETTLED)


def kappa(v: ArrayLike) -> NDArray[np.float64]:
    """κ(v) = E[φ(t)² / (Φ(t) Φ(−t))], t ~ N(0, (1 − v)/v), v ∈ [0, 1]: what one sign tells; κ(1) = 2/π, κ(0) = 0.

    Computed as √v E[φ(t)/(√(2π) Φ(t) Φ(−t))], t ~ N(0, 1 − v), in logarithms; error below 1e-12.
    """
    v = np.asarray(v, dtype=float)
    if not ((v >= 0) & (v <= 1)).all():
        raise ValueError(f"v {v!r} is outside [0, 1]")
    u, weights = panels(np.linspace(0, 12, 13), 16)
    t = np.sqrt(1 - v)[..., None] * u
    ratio = np.exp(-(t**2) / 2 - special.log_ndtr(t) - special.log_ndtr(-t) - u**2 / 2) / (2 * np.pi)
    return np.sqrt(v) * 2 * (ratio @ weights) / np.sqrt(2 * np.pi)


def state_evolution(
    rate: float,
    sparsity: float,
    base: str = "rademacher",
    shape: float | None = None,
    layers: int | None = 32,
    start: Start = "uninformed",
    encoder: Encoder = "haar",
) -> StateEvolution:
    """Losses of an unrolled message-passing decoder of sign(Bx), layer by layer as d → ∞; layers = None: to the fixed point.

    haar (B = n rows of a Haar rotation, r ≤ 1): γ = (rκ/v)/(1 − rκ), 1/v ← 1/mmse(γ) − γ. gaussian (B i.i.d., any r):
    γ = rκ/v, v ← mmse(γ). Starts: uninformed v = 1, whose layer 1 with haar is the denoiser; informed v = 1e-8.
    The trajectory is that of VAMP; other algorithms may differ on the way. Raises ValueError for haar with r > 1, and outside the
    domain of `mmse`. Kögler et al. 2024 (arXiv 2402.05013), multi-layer decoder, with
    Venkataramanan, Kögler and Mondelli 2022 (RI-GAMP).
    """
    check_rate(rate)
    check_source(sparsity, base, shape)
    if start not in STARTS or encoder not in ENCODERS:
        raise ValueError(f"start {start!r}, encoder {encoder!r}; expected one of {STARTS} and one of {ENCODERS}")
    if layers is not None and layers < 1:
        raise ValueError(f"layers {layers!r}; expected at least 1")
    if encoder == "haar" and rate > 1:
        raise ValueError(f"rate {rate!r} is outside [0, 1], the domain of a Haar encoder")
    v, rows = 1.0 if start == "uninformed" else _INFORMED, []
    for _ in range(_MOST_LAYERS if layers is None else layers):
        row, v = _layer(v, float(rate), float(sparsity), base, shape, encoder)
        rows.append(row)
        if layers is None and len(rows) > 1 and abs(rows[-1][3] - rows[-2][3]) < _SETTLED:
            break
    return StateEvolution(*np.array(rows).T)


def _layer(
    v: float, rate: float, sparsity: float, base: str, shape: float | None, encoder: Encoder
) -> tuple[tuple[float, float, float, float], float]:
    """One layer from the variance v, and the variance it leaves."""
    if v <= 0:
        return (0.0, 0.0, np.inf, 0.0), 0.0
    told = float(kappa(v))
    gamma = rate * told / v / (1 - rate * told if encoder == "haar" else 1)
    loss = float(mmse(gamma, sparsity, base, shape))
    if encoder == "gaussian" or loss <= 0:
        return (v, told, gamma, loss), loss
    return (v, told, gamma, loss), min(1.0, loss / max(1 - gamma * loss, np.finfo(float).tiny))


@lru_cache(maxsize=100_000)
def _loss(
    rate: float,
    sparsity: float,
    base: str,
    shape: float | None,
    layers: int | None,
    start: Start,
    encoder: Encoder,
) -> float:
    if encoder == "haar" and rate > 1:
        return np.nan
    return state_evolution(rate, sparsity, base, shape, layers, start, encoder).fixed_point


def multilayer_loss(
    rate: ArrayLike,
    sparsity: ArrayLike,
    base: str = "rademacher",
    shape: float | None = None,
    layers: int | None = None,
    start: Start = "uninformed",
    encoder: Encoder = "haar",
) -> NDArray[np.float64]:
    """Loss after `layers` layers, or at the fixed point (None), over arrays of r and p; NaN for haar with r > 1.

    Formula, source and errors: `state_evolution`.
    """
    return over(lambda r, p: _loss(r, p, base, shape, layers, start, encoder), rate, sparsity)
