"""Gaussian-process regression of seed means over one or two axes."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.spatial import KDTree

from explorer.errors import AnalysisError

Array = NDArray[np.float64]
Numbers = Sequence[float] | Array

# Bounds of the length scales in the unit box, and of the output variance and of the noise in units of the variance of the means.
LENGTHS = (0.03, 2.0)
AMPLITUDES = (0.05, 20.0)
WHITE = (1e-6, 1.0)
# Length scales are found on so many points, the posterior on so many: the cost grows with the cube.
POINTS_FOR_LENGTHS = 250
FEWEST_TELLING = 24
MOST_POINTS = 1500
FEWEST_FOR_LENGTHS = 4
# Length scales from which the likeliest is climbed to. From a poor start the climb may end at a field without any structure.
STARTS = (0.05, 0.1, 0.2, 0.4, 0.8)
# Noise below this share of the variance of the means is taken for this share: duplicates then are no singular matrix.
SMALLEST_NOISE = 1e-6
# A point's seed variance counts with its own degrees of freedom, that of its neighbours with these.
PRIOR_FREEDOM = 4.0
NEIGHBOURS = 9


def unit_box(points: Array, low: Numbers, high: Numbers, log: Sequence[bool]) -> Array:
    """Points (point, axis) with [low, high] of every axis mapped to [0, 1], on a log scale where `log` says so."""
    values = np.array(points, dtype=float)
    for axis, (begin, end, logarithmic) in enumerate(zip(low, high, log, strict=True)):
        if logarithmic:
            begin, end = math.log(begin), math.log(end)
            values[:, axis] = np.log(values[:, axis])
        values[:, axis] = (values[:, axis] - begin) / ((end - begin) or 1.0)
    return values


def variance_of_means(points: Array, counts: NDArray[np.int64], variances: Array) -> Array:
    """Variance of each seed mean, (point,), from sample variances that few seeds leave uncertain.

    The moderated variance (ν_i s_i² + ν_0 s̄_i²) / (ν_i + ν_0) over n_i, ν_i = n_i − 1 (Smyth, "Linear models and empirical Bayes
    methods", Stat. Appl. Genet. Mol. Biol. 3, 2004, section 3), with s̄_i² the mean of s² over the nine nearest points (weights ν)
    and ν_0 = 4; never below a thousandth of the mean over all points. `points` (point, axis) are in the unit box; NaN throughout
    where no point has two seeds.
    """
    freedom = np.maximum(counts - 1, 0).astype(float)
    repeated = np.flatnonzero(freedom > 0)
    if not len(repeated):
        return np.full(len(points), np.nan)
    freedom_there, variance_there = freedom[repeated], variances[repeated]
    pooled = float(freedom_there @ variance_there / freedom_there.sum())
    _, nearest = KDTree(points[repeated]).query(points, min(NEIGHBOURS, len(repeated)))
    nearest = np.reshape(nearest, (len(points), -1))
    weights = freedom_there[nearest]
    local = (weights * variance_there[nearest]).sum(axis=1) / weights.sum(axis=1)
    own = np.where(freedom > 0, variances, 0.0)
    moderated = (freedom * own + PRIOR_FREEDOM * local) / (freedom + PRIOR_FREEDOM)
    return np.maximum(moderated, 1e-3 * pooled) / counts


@dataclass(frozen=True, slots=True)
class Field:
    """The posterior of a smooth function of one or two axes, given means with their variances; made by `fit`.

    f ~ GP(centre, a² k_{5/2}), Matérn's kernel with one length scale an axis (Rasmussen and Williams, "Gaussian processes for
    machine learning", 2006, equations 2.23–2.24 and 4.17). `points` (point, axis) are in the unit box, `noise` (point,) and the
    kernel in units of scale². All that is predicted is of the noise-free field, in the units of the means.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    log: tuple[bool, ...]
    points: Array
    means: Array
    noise: Array
    centre: float
    scale: float
    kernel: Any
    factor: Array

    @classmethod
    def fit(
        cls,
        points: Array,
        means: Array,
        variances: Array,
        low: Numbers | None = None,
        high: Numbers | None = None,
        log: Sequence[bool] | None = None,
        level: float | None = None,
    ) -> Field:
        """The field through `means` (point,) at `points` (point, axis), whose variances (point,) are `variances`.

        `low`, `high` and `log` say how the axes are scaled (default: the range of the points, linear). Variances that are all NaN
        are unknown: one for all is found with the kernel. Length scales and output variance maximise the marginal likelihood
        (equation 5.8), on at most 250 of the points; the posterior is given at most 1500 of them: half of these nearest in value to
        `level` (default: the mean), the others drawn at random. Deterministic. Constant means and fewer than four points
        leave a kernel of length 0.3.

        Raises AnalysisError without points, for shapes that do not fit, values that are not finite, and a log axis that is not
        positive.
        """
        points, means, variances = (np.asarray(values, dtype=float) for values in (points, means, variances))
        _check(points, means, variances)
        axes = points.shape[1]
        begin = tuple(map(float, points.min(axis=0) if low is None else low))
        end = tuple(map(float, points.max(axis=0) if high is None else high))
        scales = (False,) * axes if log is None else tuple(map(bool, log))
        for axis in np.flatnonzero(scales):
            least = min(begin[axis], points[:, axis].min())
            if least <= 0:
                raise AnalysisError(
                    f"field: axis {axis} is logarithmic and holds {least:g}, expected positive numbers."
                )
        chosen = kept(means, level)
        means, noise, box = means[chosen], variances[chosen], unit_box(points[chosen], begin, end, scales)
        centre, scale = float(means.mean()), float(means.std())
        known = bool(np.isfinite(noise).all())
        constant = scale <= 1e-9 * max(1.0, abs(centre))
        if constant:
            scale = math.sqrt(float(noise.mean())) if known and noise.mean() > 0 else 1e-6 * max(1.0, abs(centre))
        noise = np.maximum(noise / scale**2, SMALLEST_NOISE) if known else np.full(len(means), SMALLEST_NOISE)
        normal = (means - centre) / scale
        if constant or len(means) < FEWEST_FOR_LENGTHS:
            kernel, white = _kernel(axes, False), 0.0
        else:
            told = _telling(box, normal, None if level is None else (level - centre) / scale)
            kernel, white = _learned(box[told], normal[told], noise[told], known)
        noise = noise + white
        factor = linalg.cholesky(kernel(box) + np.diag(noise), lower=True)
        return cls(begin, end, scales, box, normal, noise, centre, scale, kernel, np.asarray(factor))

    @property
    def lengths(self) -> Array:
        """The length scale of each axis, in the unit box."""
        return np.broadcast_to(self.kernel.k2.length_scale, (len(self.low),)).astype(float)

    def box(self, at: Array) -> Array:
        """Points (…, axis) in the unit box."""
        return unit_box(np.asarray(at, dtype=float).reshape(-1, len(self.low)), self.low, self.high, self.log)

    def whitened(self, box: Array) -> Array:
        """L⁻¹ k(points, at), (point, at), L Lᵀ = k(points, points) + noise, for places in the unit box."""
        return np.asarray(linalg.solve_triangular(self.factor, self.kernel(self.points, box), lower=True))

    def predict(self, at: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the field at places (at, axis) in the units of the axes."""
        box = self.box(at)
        white = self.whitened(box)
        own = linalg.solve_triangular(self.factor, self.means, lower=True)
        variance = np.maximum(self.kernel.diag(box) - (white**2).sum(axis=0), 0.0)
        return self.centre + self.scale * (own @ white), self.scale * np.sqrt(variance)

    def covariance(self, at: Array) -> Array:
        """Covariance of the field between places, (at, at)."""
        box = self.box(at)
        white = self.whitened(box)
        return self.scale**2 * (self.kernel(box) - white.T @ white)

    def sample(self, at: Array, count: int, seed: int = 0) -> Array:
        """Joint draws of the field at places (at, axis): (draw, at)."""
        mean, _ = self.predict(at)
        values, vectors = np.linalg.eigh(self.covariance(at))
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        return mean + np.random.default_rng(seed).standard_normal((count, len(mean))) @ root.T

    def mean_of(self, at: Array, means: Array) -> Array:
        """The mean that the same kernel and noise give other means of the same points, (set, point): (set, at).

        Points are those that `fit` kept; see `kept`.
        """
        own = linalg.solve_triangular(self.factor, ((np.asarray(means) - self.centre) / self.scale).T, lower=True)
        return self.centre + self.scale * (own.T @ self.whitened(self.box(at)))

    def variance_without(self) -> Array:
        """At each point, the variance of the field given all other points (ibid., equation 5.12), in the units of the means²."""
        inverse = linalg.solve_triangular(self.factor, np.eye(len(self.points)), lower=True)
        return self.scale**2 * np.maximum(1 / (inverse**2).sum(axis=0) - self.noise, 0.0)


def kept(means: Array, level: float | None = None) -> NDArray[np.int64]:
    """The points that `Field.fit` keeps of these, increasing: all up to 1500."""
    if len(means) <= MOST_POINTS:
        return np.arange(len(means))
    order = np.argsort(np.abs(means - (means.mean() if level is None else level)), kind="stable")
    near, far = order[: MOST_POINTS // 2], order[MOST_POINTS // 2 :]
    drawn = np.random.default_rng(0).choice(far, MOST_POINTS - len(near), replace=False)
    return np.sort(np.concatenate([near, drawn]))


def _kernel(axes: int, white: bool) -> Any:
    from sklearn.gaussian_process import kernels

    made: Any = kernels  # its stubs know neither arrays of lengths nor sums
    lengths = 0.3 if axes == 1 else np.full(axes, 0.3)
    kernel = made.ConstantKernel(1.0, AMPLITUDES) * made.Matern(lengths, LENGTHS, nu=2.5)
    return kernel + made.WhiteKernel(0.01, WHITE) if white else kernel


def _telling(box: Array, normal: Array, level: float | None) -> NDArray[np.int64]:
    """The points that the kernel is learned on: those nearest to a point on the other side of the level, where there is one.

    Away from the boundary a phase diagram is flat. One kernel for a small island and a wide plain is likeliest without the island.
    """
    everyone = np.arange(len(box))
    above = normal > (np.inf if level is None else level)
    fewer = int(min(above.sum(), (~above).sum()))
    most = min(POINTS_FOR_LENGTHS, len(box))
    if fewer == 0:
        return np.sort(np.random.default_rng(0).choice(everyone, most, replace=False))
    away = np.empty(len(box))
    away[above] = KDTree(box[~above]).query(box[above])[0]
    away[~above] = KDTree(box[above]).query(box[~above])[0]
    return np.sort(np.argsort(away, kind="stable")[: min(most, max(FEWEST_TELLING, 4 * fewer))])


def _learned(box: Array, normal: Array, noise: Array, known: bool) -> tuple[Any, float]:
    """The likeliest kernel of the field, and the variance of the noise where that is not known."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor

    regressor: Any = GaussianProcessRegressor  # whose stubs know no arrays of noise
    kernel = _kernel(box.shape[1], not known)
    unfitted = regressor(kernel, alpha=noise, optimizer=None).fit(box, normal)
    # A kernel's theta holds logarithms: output variance, length scales, noise.
    output, noisy = kernel.theta[:1], kernel.theta[1 + box.shape[1] :]
    starts = [np.array([*output, *np.log(at), *noisy]) for at in itertools.product(STARTS, repeat=box.shape[1])]
    best = max(starts, key=lambda start: float(unfitted.log_marginal_likelihood(start, clone_kernel=False)))
    climbing = regressor(kernel.clone_with_theta(best), alpha=noise)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a length at its bound is an answer
        learned = climbing.fit(box, normal).kernel_
    return (learned, 0.0) if known else (learned.k1, float(learned.k2.noise_level))


def _check(points: Array, means: Array, variances: Array) -> None:
    if points.ndim != 2 or not len(points) or points.shape[1] not in (1, 2):
        raise AnalysisError(
            f"field: found points of shape {points.shape}, expected (point, axis) with one or two axes."
        )
    if means.shape != (len(points),) or variances.shape != (len(points),):
        raise AnalysisError(
            f"field: found means of shape {means.shape} and variances of shape {variances.shape}, expected ({len(points)},)."
        )
    if not (np.isfinite(points).all() and np.isfinite(means).all()):
        raise AnalysisError("field: found points or means that are not finite, expected finite numbers.")
    known = np.isfinite(variances)
    if (known.any() and not known.all()) or (variances[known] < 0).any():
        raise AnalysisError(
            "field: found variances that are negative or missing in part, expected all ≥ 0, or all NaN."
        )
