"""Shannon's limit: the least loss at a rate in bits per coordinate, whatever the code."""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from explorer.theory.domain import check_rate, check_source, exponent, over
from explorer.theory.linear import spectrum
from explorer.theory.nonzero import scale_of
from explorer.theory.tangent import Line, best_line, cut, too_wide

_ENOUGH = 1e-4
_MOST_LINES = 40
_NEGLIGIBLE = 2e-3


def rate_distortion(
    rate: ArrayLike, sparsity: ArrayLike, base: str = "rademacher", shape: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """D(r), the least mean squared error per coordinate at r bits per coordinate, and a bound on its error; over arrays.

    gaussian at p = 1: 2^(−2r). rademacher at p = 1: 4e(1 − e) with 1 − h₂(e) = r. Else D(r) is enclosed between tangents of the dual
    problem and chords of channels that attain their rate, and the middle is given; the slopes follow the sandwich rule. Where the
    distortion is below 2e-3 it is enclosed between N 2^(−2r/p), with the zeros told for nothing and N the entropy power of g, and
    2^(−2(r − h₂(p))/p), with the zeros sent apart. Stated error at most 1e-3, mostly 7e-5;
    only for tails heavier than laplace it may be larger (0.4 at β = ¼, p = ½, r = ½), as it then says.
    Raises ValueError outside r ≥ 0, p ∈ (0, 1]. Shannon 1959; Blahut 1972 and Arimoto 1972 for the dual problem, Csiszár 1974 for
    its certificate.
    """
    value = over(lambda r, p: _distortion(r, p, base, shape)[0], rate, sparsity)
    return value, over(lambda r, p: _distortion(r, p, base, shape)[1], rate, sparsity)


def reverse_waterfilling(
    eigenvalues: ArrayLike, rate: ArrayLike, shares: ArrayLike | None = None
) -> NDArray[np.float64]:
    """D(r) of a Gaussian source with this covariance, at r bits per coordinate: Σ w_i min(λ_i, θ), Σ w_i ½ log₂⁺(λ_i/θ) = r.

    Each eigenvalue is a block with its share w_i of the coordinates (equal by default). Exact up to rounding; over arrays of r ≥ 0.
    Raises ValueError for a negative rate or eigenvalue. Kolmogorov 1956; Cover and Thomas, Elements of Information Theory,
    theorem 10.3.3.
    """
    values, weights = spectrum(eigenvalues, shares)
    active = (values > 0) & (weights > 0)
    above, mass = values[active], weights[active]

    def loss(r: float) -> float:
        check_rate(r)
        if not len(above):
            return 0.0
        used = np.cumsum(mass)
        levels = (np.cumsum(mass * np.log2(above)) - 2 * r) / used
        dry = np.append(np.log2(above[1:]), -np.inf)
        water = 2.0 ** levels[int(np.argmax(levels >= dry))]
        return float(mass @ np.minimum(above, water))

    return over(loss, rate)


@lru_cache(maxsize=100_000)
def _distortion(rate: float, sparsity: float, base: str, shape: float | None) -> tuple[float, float]:
    check_rate(rate)
    check_source(sparsity, base, shape)
    if rate == 0:
        return 1.0, 0.0
    if sparsity == 1 and (base == "gaussian" or shape == 2):
        return 2.0 ** (-2 * rate), 0.0
    if sparsity == 1 and base == "rademacher":
        return _signs(rate), 1e-12
    return _curve(sparsity, base, shape).at(rate * np.log(2))


def _signs(rate: float) -> float:
    if rate >= 1:
        return 0.0
    low, high = 0.0, 0.5
    for _ in range(60):
        flip = (low + high) / 2
        if 1 - float(special.entr(flip) + special.entr(1 - flip)) / np.log(2) > rate:
            low = flip
        else:
            high = flip
    return 4 * low * (1 - low)


def _entropy_power(base: str, shape: float | None) -> float:
    """e^(2h)/(2πe), h the differential entropy of g; 0 for rademacher."""
    if base == "rademacher":
        return 0.0
    scale = scale_of(1.0, base, shape)
    entropy = np.log(2 * scale)
    if base != "uniform":
        beta = exponent(base, shape)
        entropy = 1 / beta + np.log(2 * scale / beta) + special.gammaln(1 / beta)
    return float(np.exp(2 * entropy - 1) / (2 * np.pi))


@lru_cache(maxsize=1000)
def _curve(sparsity: float, base: str, shape: float | None) -> _Curve:
    return _Curve(sparsity, base, shape)


class _Curve:
    """D over rates in nats for one source, enclosed ever closer where it is asked for."""

    def __init__(self, sparsity: float, base: str, shape: float | None) -> None:
        self.source = (sparsity, base, shape)
        self.sparsity = sparsity
        self.zeros = float(special.entr(sparsity) + special.entr(1 - sparsity))
        self.power = _entropy_power(base, shape)
        if base == "rademacher":
            last = (self.zeros + sparsity * np.log(2), 0.0)
        else:
            last = (self.zeros - 0.5 * sparsity * np.log(_NEGLIGIBLE), _NEGLIGIBLE)
        self.points = [(0.0, 1.0), last]
        self.lines: list[Line] = []

    def at(self, rate: float) -> tuple[float, float]:
        """The middle of the enclosure at a rate, and half its width."""
        if rate >= self.points[-1][0]:
            high = float(np.exp(-2 * (rate - self.zeros) / self.sparsity)) if self.power else 0.0
            low = self.power * float(np.exp(-2 * rate / self.sparsity))
            return (low + high) / 2, (high - low) / 2
        for _ in range(_MOST_LINES):
            low, high, slope = self._between(rate)
            if high - low < _ENOUGH:
                break
            if too_wide(slope, *self.source) or any(abs(line.slope / slope - 1) < 1e-9 for line in self.lines):
                break
            self._add(slope)
        low, high, _ = self._between(rate)
        return (low + high) / 2, max(high - low, 0.0) / 2 + 2 * cut(*self.source[1:])

    def _between(self, rate: float) -> tuple[float, float, float]:
        """Lower bound, upper bound, and the slope of the chord above."""
        right = min(max(bisect_left(self.points, (rate, -1.0)), 1), len(self.points) - 1)
        (r0, d0), (r1, d1) = self.points[right - 1], self.points[right]
        high = d0 + (d1 - d0) * min((rate - r0) / (r1 - r0), 1.0)
        low = max((line.bound(rate) for line in self.lines), default=0.0)
        return max(low, self.power * float(np.exp(-2 * rate / self.sparsity))), high, (r1 - r0) / (d0 - d1)

    def _add(self, slope: float) -> None:
        line = best_line(slope, *self.source)
        self.lines.append(line)
        self.points = _convex([*self.points, (line.rate, line.distortion)])


def _convex(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The lower convex hull, from the smallest rate on, falling."""
    hull: list[tuple[float, float]] = []
    for r, d in sorted(points):
        if hull and (d >= hull[-1][1] or r - hull[-1][0] < 1e-12):
            continue
        while len(hull) > 1 and (hull[-1][1] - hull[-2][1]) * (r - hull[-2][0]) >= (d - hull[-2][1]) * (
            hull[-1][0] - hull[-2][0]
        ):
            hull.pop()
        hull.append((r, d))
    return hull
