"""The dual problem of rate and distortion at one slope: the law of the reproduction that is best there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize, special

from explorer.theory.domain import Array, exponent, panels
from explorer.theory.nonzero import scale_of

_GAP = 3e-5
_MANY = 150
_LARGE = 400
_LARGEST = 1800
_STEPS = 20
_FLOOR = 1e-9


@dataclass(frozen=True)
class Line:
    """A tangent R + sD ≥ `free` (nats), and the rate and distortion of a channel that nearly touches it."""

    slope: float
    free: float
    rate: float
    distortion: float

    def bound(self, rate: float) -> float:
        """No code of this rate has a distortion below."""
        return (self.free - rate) / self.slope


def cut(base: str, shape: float | None) -> float:
    """The second moment of the tail of the source that is left out: 0 where it is bounded, more where it is heavy."""
    if base in ("rademacher", "uniform"):
        return 0.0
    return 1e-5 if exponent(base, shape) >= 1 else 2e-4


def too_wide(slope: float, sparsity: float, base: str, shape: float | None) -> bool:
    """Whether the source is too wide, on the scale 1/√s, for its tangent to be found in good time."""
    return _end(sparsity, base, shape) * slope**0.5 > 0.2 * _LARGEST


def _end(sparsity: float, base: str, shape: float | None) -> float:
    """Where |x| is cut off."""
    scale = scale_of(sparsity, base, shape)
    if base in ("rademacher", "uniform"):
        return scale
    beta = exponent(base, shape)
    return scale * float(special.gammainccinv(3 / beta, cut(base, shape))) ** (1 / beta)


def best_line(slope: float, sparsity: float, base: str, shape: float | None) -> Line:
    """The tangent of slope s to R(D) of x = b g/√p: free = max over λ of E log λ(x), E[λ(x) e^(−s(x − m)²)] ≤ 1 for every m.

    The best λ is 1/Z, Z(x) = Σ_j q_j e^(−s(x − m_j)²), q the law of the reproduction. Atoms are added where Csiszár's
    c(m) = E[e^(−s(x − m)²)/Z(x)] > 1 and weighted by constrained Newton steps (Wang 2007, J. R. Stat. Soc. B 69, for mixtures).
    `free` holds for any q: where c > 1, λ is lowered by the largest c around, and the change under twice the nodes is taken off.
    """
    problem = _Problem(slope, *_nodes(slope, sparsity, base, shape, 6))
    atoms = np.append(problem.fixed, np.arange(1, problem.x.max() * slope**0.5, 2) * slope**-0.5)
    shares, bound = np.full(len(atoms), 1 / len(atoms)), -np.inf
    for _ in range(_STEPS if len(problem.grid) < _LARGE else _STEPS // 3):
        ratio = problem.weights / (problem.kernel(atoms) @ shares)
        bound = max(bound, problem.bound(ratio))
        short = problem.free(atoms, shares) - bound
        if short < _GAP * slope:
            break
        new, height = problem.peaks(ratio)
        new = new[height > 1 + 1e-9]
        blend = min(1e-2, 1e-2 * short) * (len(new) > 0)
        atoms = np.append(atoms, new)
        shares = np.append((1 - blend) * shares, np.full(len(new), blend / max(len(new), 1)))
        atoms, shares = problem.newton(atoms, shares)
    finer = _Problem(slope, *_nodes(slope, sparsity, base, shape, 12))
    free, distortion = finer.free(atoms, shares), finer.distortion(atoms, shares)
    error = abs(free - problem.free(atoms, shares))
    return Line(slope, bound - error, max(free - slope * distortion, 0.0) + error, distortion)


class _Problem:
    """Nodes of |x| with weights, at one slope; laws have atoms at ±m."""

    def __init__(self, slope: float, x: Array, weights: Array) -> None:
        self.slope, self.x, self.weights = slope, x, weights
        end, step = float(x.max()), slope**-0.5
        self.fixed = np.arange(0, end + 4 * step, 4 * step)
        self.grid = np.arange(0, end + 0.2 * step, 0.2 * step)
        self.on_grid = self.kernel(self.grid)
        self.cell = np.minimum(np.rint(x / (0.2 * step)).astype(int), len(self.grid) - 1)

    def kernel(self, atoms: Array) -> Array:
        """e^(−s(x − m)²) averaged over ±m."""
        x = self.x[:, None]
        return (np.exp(-self.slope * (x - atoms) ** 2) + np.exp(-self.slope * (x + atoms) ** 2)) / 2

    def peaks(self, ratio: Array) -> tuple[Array, Array]:
        """Csiszár's c(m) = Σ ratio K(x, m), ratio = weight/Z, at its local maxima: where they are, and how high."""
        values = ratio @ self.on_grid
        padded = np.concatenate([values[1:2], values, values[-1:]])
        start = self.grid[(values >= padded[:-2]) & (values >= padded[2:])]
        at, s, x = start, self.slope, self.x[:, None]
        for _ in range(4):
            near, far = np.exp(-s * (x - at) ** 2), np.exp(-s * (x + at) ** 2)
            first = ratio @ (near * (x - at) - far * (x + at))
            second = ratio @ (near * (2 * s * (x - at) ** 2 - 1) + far * (2 * s * (x + at) ** 2 - 1))
            move = np.where(second < 0, -first / np.minimum(second, -1e-300), 0.0)
            at = np.clip(at + move, np.maximum(start - 0.2 * s**-0.5, 0), start + 0.2 * s**-0.5)
        return at, ratio @ self.kernel(at)

    def bound(self, ratio: Array) -> float:
        """E log λ of a feasible λ near 1/Z."""
        for _ in range(6):
            at, height = self.peaks(ratio)
            if height.max() <= 1 + 1e-7:
                break
            values = np.maximum(ratio @ self.on_grid, 1.0)
            np.maximum.at(values, np.minimum(np.rint(at / self.grid[1]).astype(int), len(values) - 1), height)
            ratio = ratio / ndimage.maximum_filter1d(values, 11)[self.cell]
        at, height = self.peaks(ratio)
        return float(self.weights @ np.log(ratio / self.weights)) - float(np.log(height.max()))

    def free(self, atoms: Array, shares: Array) -> float:
        """−E log Z."""
        return -float(self.weights @ np.log(self.kernel(atoms) @ shares))

    def distortion(self, atoms: Array, shares: Array) -> float:
        """E (x − x̂)² of the channel that these atoms make."""
        x = self.x[:, None]
        near, far = np.exp(-self.slope * (x - atoms) ** 2), np.exp(-self.slope * (x + atoms) ** 2)
        lost = (near * (x - atoms) ** 2 + far * (x + atoms) ** 2) @ shares
        return float(self.weights @ (lost / ((near + far) @ shares)))

    def _step(self, ratios: Array, shares: Array) -> Array:
        """To the least of the quadratic model, over the larger shares where there are many; none where it is not found soon."""
        moved = (shares > 1e-6) | (len(shares) < _MANY)
        held = ratios[:, ~moved] @ shares[~moved]
        total = shares[moved].sum()
        rows = np.sqrt(self.weights)[:, None] * (ratios[:, moved] * total - (2 - held)[:, None])
        target = np.append(np.zeros(len(rows)), 1.0)
        step = np.zeros(len(shares))
        try:
            found = optimize.nnls(np.vstack([rows, np.ones(rows.shape[1])]), target, maxiter=200)[0]
        except RuntimeError:
            return step
        step[moved] = found / found.sum() * total - shares[moved]
        return step

    def newton(self, atoms: Array, shares: Array) -> tuple[Array, Array]:
        """A Blahut–Arimoto step, then one of sequential quadratic programming, with halving; atoms without weight leave.

        No share falls below a hundredth at once, nor those of the fixed atoms below 1e-9, so that Z is nowhere 0.
        """
        kernel = self.kernel(atoms)
        for _ in range(3):
            shares = shares * ((self.weights / (kernel @ shares)) @ kernel)
        now, fixed = kernel @ shares, len(self.fixed)
        step = self._step(kernel / now[:, None], shares)
        start, length = self.weights @ np.log(now), 1.0
        while length > 1e-4:
            trial = np.maximum(shares + length * step, 0.01 * shares)
            trial[:fixed] = np.maximum(trial[:fixed], _FLOOR)
            trial = trial / trial.sum()
            if self.weights @ np.log(kernel @ trial) >= start - 1e-9:
                shares = trial
                break
            length /= 2
        kept = shares > 1e-13
        kept[:fixed] = True
        return atoms[kept], shares[kept] / shares[kept].sum()


def _nodes(slope: float, sparsity: float, base: str, shape: float | None, count: int) -> tuple[Array, Array]:
    """|x| and its law: 0, and panels as wide as 1.5/√s up to where what is beyond has the second moment `cut`."""
    scale = scale_of(sparsity, base, shape)
    if base == "rademacher":
        return np.array([0.0, scale]), np.array([1 - sparsity, sparsity])
    step = 1.5 / np.sqrt(slope)
    if base == "uniform":
        breaks, beta = np.linspace(0, scale, 2 + int(scale / step)), np.inf
    else:
        beta = exponent(base, shape)
        end = _end(sparsity, base, shape)
        graded = np.geomspace(end * 1e-7, end, 30) if beta < 2 else scale * (1 + np.arange(-9, 10) / beta)
        breaks = np.unique(np.concatenate([np.arange(0, end, step), graded, [end]]))
        breaks = breaks[(breaks >= 0) & (breaks <= end)]
    x, weights = panels(breaks, count)
    if beta < np.inf:
        weights = weights * np.exp(-((x / scale) ** beta))
    weights = sparsity * weights / weights.sum()
    return (x, weights) if sparsity == 1 else (np.append(0.0, x), np.append(1 - sparsity, weights))
