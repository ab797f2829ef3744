"""Whether replicates lie about one value or about two."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from explorer.errors import AnalysisError

FEWEST_VALUES = 6
STRONG = 6.0
APART = 2.0


class Bimodality(NamedTuple):
    """Evidence for two Gaussians against one: BIC_1 − BIC_2, and the distance of the two means in standard deviations."""

    evidence: float
    separation: float

    @property
    def two(self) -> bool:
        """Strong evidence (above 6; Raftery, Sociol. Methodol. 25, 111 (1995), table 6) for two separate modes (distance above 2)."""
        return self.evidence > STRONG and self.separation > APART


def bimodality(values: ArrayLike, smallest: float) -> Bimodality | None:
    """Two Gaussians of one variance against one Gaussian, by Schwarz's criterion; None for fewer than six finite values.

    `values` are independent replicates, (seed,), and `smallest` > 0 a standard deviation that is added in squares to every
    component, so that equal values are no mode of infinite height. BIC = −2 log L + k log n with k = 2 for one Gaussian, 4 for
    two (Schwarz, Ann. Stat. 6, 461 (1978)); the distance is Ashman's D = |μ_1 − μ_2|/σ (Ashman, Bird and Zepf, Astron. J. 108,
    2348 (1994), eq. 2). Chosen before Hartigan's dip, whose power with ten replicates is small, and before Sarle's coefficient,
    which a skewed single mode passes as well.
    """
    there = np.asarray(values, dtype=float)
    there = np.sort(there[np.isfinite(there)])
    if len(there) < FEWEST_VALUES:
        return None
    column = there[:, None]
    mixture = gaussian_mixture("bimodality")
    cut = int(np.argmax(np.diff(there))) + 1
    means = np.array([[there[:cut].mean()], [there[cut:].mean()]])
    options: dict[str, Any] = {"covariance_type": "tied", "reg_covar": smallest**2, "random_state": 0}
    one = mixture(1, **options).fit(column)
    if np.ptp(there) == 0:
        return Bimodality(-2 * math.log(len(there)), 0.0)
    two = mixture(2, means_init=means, max_iter=500, **options).fit(column)
    apart = float(abs(np.diff(two.means_[:, 0])[0]) / np.sqrt(two.covariances_[0, 0]))
    return Bimodality(float(one.bic(column) - two.bic(column)), apart)


def gaussian_mixture(purpose: str) -> Any:
    """scikit-learn's GaussianMixture, imported when it is needed: that takes longer than most fits."""
    try:
        from sklearn.mixture import GaussianMixture
    except ModuleNotFoundError:
        raise AnalysisError(
            f"{purpose}: found no scikit-learn, expected it to be installed: pip install scikit-learn."
        ) from None
    return GaussianMixture
