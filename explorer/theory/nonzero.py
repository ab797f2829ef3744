"""The posterior of a coordinate that is known not to be zero, one function a base."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from explorer.theory.domain import Array, exponent, panels

_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)
_TOGETHER = 4096  # points by quadrature at once, some 50 MB
_DROPS = {
    True: (1e-4, 1e-2, 0.2, 1.0, 4.0, 12.0, 40.0),
    False: (1e-4, 1e-2, 0.1, 0.4, 1.0, 2.0, 4.0, 7.0, 12.0, 20.0, 40.0),
}


def scale_of(sparsity: float, base: str, shape: float | None) -> float:
    """The scale of g/√p: its size (rademacher), its end (uniform), α of its density ∝ exp(−|x/α|^β) (the others)."""
    if base == "rademacher":
        return sparsity**-0.5
    if base == "uniform":
        return (3 / sparsity) ** 0.5
    beta = exponent(base, shape)
    return float(np.exp((special.gammaln(1 / beta) - special.gammaln(3 / beta)) / 2)) * sparsity**-0.5


def base_nodes(base: str, shape: float | None = None) -> tuple[Array, Array]:
    """Nodes and weights of expectations of even functions of g, over |g|; panels grow from 1e-8, for functions of any scale."""
    scale = scale_of(1.0, base, shape)
    if base == "rademacher":
        return np.ones(1), np.ones(1)
    beta = np.inf if base == "uniform" else exponent(base, shape)
    end = scale if base == "uniform" else scale * float(special.gammainccinv(3 / beta, 1e-17)) ** (1 / beta)
    cliff = scale * (1 + np.arange(-12, 13) / (2 * beta)) if 2 < beta < np.inf else np.empty(0)
    breaks = np.unique(np.concatenate([[0], np.geomspace(min(1e-8, scale * 1e-8), end, 60), cliff]))
    nodes, weights = panels(breaks[(breaks >= 0) & (breaks <= end)], 12)
    if base != "uniform":
        weights = weights * np.exp(-((nodes / scale) ** beta))
    return nodes, weights / weights.sum()


def nonzero_posterior(
    y: Array, gamma: float, sparsity: float, base: str, shape: float | None
) -> tuple[Array, Array, Array]:
    """Log density of y = g/√p + γ^(−1/2) ξ, and mean and variance of g/√p given y; y ≥ 0, one-dimensional, 0 < γ < ∞."""
    scale = scale_of(sparsity, base, shape)
    if base == "rademacher":
        return _rademacher(y, gamma, scale)
    if base == "gaussian":
        return _gaussian(y, gamma, sparsity)
    if base == "laplace":
        return _laplace(y, gamma, scale)
    parts = np.array_split(y, 1 + len(y) // _TOGETHER)
    if base == "uniform":
        found = [_uniform(part, gamma, scale) for part in parts]
    else:
        found = [_generalized(part, gamma, scale, exponent(base, shape)) for part in parts]
    log_density, mean, variance = (np.concatenate(column) for column in zip(*found, strict=True))
    return log_density, mean, variance


def _rademacher(y: Array, gamma: float, size: float) -> tuple[Array, Array, Array]:
    """x = ±a: mean a tanh(γ a y)."""
    tilt = gamma * size * y
    log_density = 0.5 * np.log(gamma) - _HALF_LOG_2PI - gamma * (y - size) ** 2 / 2 + np.log1p(np.exp(-2 * tilt))
    half = np.exp(-tilt)
    return log_density - np.log(2), size * np.tanh(tilt), (2 * size * half / (1 + half**2)) ** 2


def _gaussian(y: Array, gamma: float, sparsity: float) -> tuple[Array, Array, Array]:
    """x ~ N(0, 1/p): mean y γ/(γ + p)."""
    total = 1 / sparsity + 1 / gamma
    log_density = -(y**2) / (2 * total) - 0.5 * np.log(total) - _HALF_LOG_2PI
    return log_density, y * gamma / (gamma + sparsity), np.full_like(y, 1 / (gamma + sparsity))


def _above_zero(t: Array) -> tuple[Array, Array]:
    """Mean and variance of N(t, 1) given that it is positive: t + h and 1 − h(h + t), h = φ/Φ; a series for t < −30."""
    u = np.maximum(-t, 30.0)
    near = np.maximum(t, -30.0)
    h = np.sqrt(2 / np.pi) / special.erfcx(-near / np.sqrt(2))
    w = u**-2
    mean = (1 - 2 * w + 10 * w**2 - 74 * w**3 + 706 * w**4) / u
    variance = w * (1 - 6 * w + 50 * w**2 - 518 * w**3 + 6354 * w**4)
    return np.where(t < -30, mean, near + h), np.where(t < -30, variance, 1 - h * (h + near))


def _laplace(y: Array, gamma: float, scale: float) -> tuple[Array, Array, Array]:
    """Density exp(−|x|/c)/2c: a mixture of N(y ∓ 1/(γc), 1/γ) cut to x > 0 and to x < 0."""
    noise = gamma**-0.5
    up, down = y / noise - noise / scale, -y / noise - noise / scale
    log_up = special.log_ndtr(up) - y / scale
    log_down = special.log_ndtr(down) + y / scale
    share, rest = special.expit(log_up - log_down), special.expit(log_down - log_up)
    (mean_up, variance_up), (mean_down, variance_down) = _above_zero(up), _above_zero(down)
    log_density = np.logaddexp(log_up, log_down) + (noise / scale) ** 2 / 2 - np.log(2 * scale)
    variance = share * variance_up + rest * variance_down + share * rest * (mean_up + mean_down) ** 2
    return log_density, noise * (share * mean_up - rest * mean_down), noise**2 * variance


def _uniform(y: Array, gamma: float, end: float) -> tuple[Array, Array, Array]:
    """x uniform on [−A, A]: N(y, 1/γ) cut to it, on one panel that holds all but e^−40 of it."""
    noise = gamma**-0.5
    mode = np.minimum(y, end)
    with np.errstate(divide="ignore"):
        width = np.minimum(9 * noise, 40 * noise**2 / (y - mode))
    edges = np.stack([np.maximum(-end, mode - width), np.minimum(end, mode + 9 * noise)], axis=-1)
    x, weights = panels(edges, 48)
    top = -gamma * (y - mode) ** 2 / 2
    mass = weights * np.exp(-gamma * (x - y[:, None]) ** 2 / 2 - top[:, None])
    log_norm = 0.5 * np.log(gamma) - _HALF_LOG_2PI - np.log(2 * end)
    total = mass.sum(axis=1)
    mean = (mass * x).sum(axis=1) / total
    variance = (mass * (x - mean[:, None]) ** 2).sum(axis=1) / total
    return log_norm + top + np.log(total), mean, variance


@dataclass(frozen=True)
class _Folded:
    """−|x/α|^β − γ(x − y)²/2 over w = (x/α)^min(β, 1) ≥ 0, where both |x/α|^β and the density are smooth for β < 1 too."""

    gamma: float
    scale: float
    beta: float

    @property
    def power(self) -> float:
        return max(1 / self.beta, 1.0)

    def x(self, w: Array) -> Array:
        return self.scale * (w if self.beta >= 1 else w**self.power)

    def level(self, w: Array, y: Array) -> Array:
        return -(w if self.beta <= 1 else w**self.beta) - self.gamma * (self.x(w) - y) ** 2 / 2

    def slope(self, w: Array, y: Array) -> Array:
        """The derivative by x, times α."""
        prior = self.beta * w ** ((self.beta - 1) / min(self.beta, 1.0))
        return -prior - self.gamma * self.scale * (self.x(w) - y)


def _generalized(y: Array, gamma: float, scale: float, beta: float) -> tuple[Array, Array, Array]:
    """Density ∝ exp(−|x/α|^β): quadrature over x > 0, on which x < 0 is folded."""
    law = _Folded(gamma, scale, beta)
    column = y[:, None]
    w, weights = panels(_breaks(law, y), 10)
    level = law.level(w, column)
    top = level.max(axis=1, keepdims=True)
    x = law.x(w)
    mass = weights * np.exp(level - top)
    if beta < 1:
        mass *= w ** (law.power - 1)
    mirrored = mass * np.exp(-2 * gamma * column * x)
    total = (mass + mirrored).sum(axis=1)
    mean = ((mass - mirrored) * x).sum(axis=1) / total
    away = mean[:, None]
    variance = (mass * (x - away) ** 2 + mirrored * (x + away) ** 2).sum(axis=1) / total
    log_norm = np.log(beta * law.power / 2) - special.gammaln(1 / beta) + 0.5 * np.log(gamma) - _HALF_LOG_2PI
    return log_norm + top[:, 0] + np.log(total), mean, variance


def _breaks(law: _Folded, y: Array) -> Array:
    """Ends of panels for every y: where the exponent has dropped by given amounts from its tops, and a few beside 0."""
    end = (y + 9.5 * law.gamma**-0.5) / law.scale
    zero = np.zeros_like(y)
    with np.errstate(divide="ignore"):
        beside = [np.minimum(k / (law.gamma * law.scale * y), end) for k in (0.25, 1.0, 4.0, 16.0)]
    if law.beta >= 1:
        top = _root(law, y, y / law.scale, zero)
        beside += [np.minimum(top, 1) * k for k in (1e-3, 0.03, 0.3)]
        columns = [zero, top, *_drops(law, y, top, zero), *_drops(law, y, top, end), *beside]
        return np.sort(np.stack(columns, axis=1), axis=1)
    root = 1 / law.power
    end = end**root
    turn = (law.beta * (1 - law.beta) / (law.gamma * law.scale**2)) ** (root / (2 - law.beta))
    steepest = np.full_like(y, turn)
    two = law.slope(steepest, y) > 0
    saddle = np.where(two, _root(law, y, zero, steepest), end)
    top = np.where(two, _root(law, y, (y / law.scale) ** root, steepest), end)
    inner = [_drops(law, y, zero, saddle), _drops(law, y, top, saddle), _drops(law, y, top, end)]
    columns = [
        zero,
        saddle,
        top,
        np.minimum(steepest, end),
        *(b**root for b in beside),
        *(c for part in inner for c in part),
    ]
    return np.sort(np.stack(columns, axis=1), axis=1)


def _root(law: _Folded, y: Array, falling: Array, rising: Array) -> Array:
    """Where the slope changes sign between a point at which it is ≤ 0 and one at which it is > 0 (else that point)."""
    for _ in range(40):
        middle = (falling + rising) / 2
        up = law.slope(middle, y) > 0
        rising, falling = np.where(up, middle, rising), np.where(up, falling, middle)
    return (falling + rising) / 2


def _drops(law: _Folded, y: Array, top: Array, end: Array) -> list[Array]:
    """Between a top and an end of its stretch: where the exponent lies below the top's by each drop, to some per cent."""
    amounts = np.array(_DROPS[law.beta >= 1])[:, None]
    far = np.log(np.maximum(np.abs(end - top), 1e-300))
    low, high = np.tile(far - 25, (len(amounts), 1)), np.tile(far, (len(amounts), 1))
    goal, side = law.level(top, y) - amounts, np.sign(end - top)
    for _ in range(9 + int(np.ceil(np.log2(max(law.beta, 1.0))))):
        middle = (low + high) / 2
        above = law.level(top + side * np.exp(middle), y) > goal
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return list(top + side * np.minimum(np.exp(high), np.abs(end - top)))
