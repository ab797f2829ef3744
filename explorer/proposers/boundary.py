"""Where the phase is undecided."""

from __future__ import annotations

import numpy as np
from scipy import special

from explorer.proposers.base import Ask, Domain, Observed, Proposal, proposers
from explorer.proposers.pack import Array, pack
from explorer.proposers.survey import Survey, Z

EXPLORED = 0.2
# A wide plain of which little is known outweighs a narrow boundary under P (1 − P) itself.
POWER = 2


@proposers.register("boundary")
def boundary(observed: Observed, domain: Domain, ask: Ask) -> Proposal:
    """Points drawn where a Gaussian process leaves the phase open, with a floor that fills space.

    With P the probability that the noise-free field is above the threshold, points are drawn without replacement with weights
    [P (1 − P)]², the squared variance of the phase, by the Gumbel maximum (Kool, van Hoof and Welling, ICML 2019, section 2).
    After each of them the field's variance is that with an outcome there, the mean kept, and weights shrink with it, as with the
    "kriging believer" (Ginsbourger, Le Riche and Carraro, in "Computational intelligence in expensive optimization problems", 2010).
    Where the boundary is known to the tolerance weights shrink too. One fifth of a pack fills the largest gaps until no island of
    radius 0.065 of a plane box (0.02 of an interval) can be missed; until both phases are found, all of it. Where the standard errors
    of the means are above what the field knows without them, up to half of a pack is more seeds there.

    Raises StudyError for a domain of more than two axes.
    """
    survey = Survey.of(observed, domain, ask)
    if survey.known:
        return survey.answer(survey.nothing())
    span = float(domain.high[0] - domain.low[0]) or 1.0

    def score(above: Array, before: Array, now: Array, slope: Array) -> Array:
        deviation = np.maximum(now, 1e-300)
        p = special.ndtr(-np.abs(above) / deviation)
        half = Z * deviation / np.maximum(slope, 1e-300) * span
        with np.errstate(divide="ignore"):
            shrunk = 2 * np.log(deviation / np.maximum(before, 1e-300))
            return POWER * np.log(p * (1 - p)) + shrunk + np.log(half / (half + ask.tolerance))

    return survey.answer(pack(survey, ask, score, EXPLORED, drawn=True))
