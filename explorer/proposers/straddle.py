"""Straddle: the point that is nearest to the level for its uncertainty."""

from __future__ import annotations

import numpy as np

from explorer.proposers.base import Ask, Domain, Observed, Proposal, proposers
from explorer.proposers.pack import Array, pack
from explorer.proposers.survey import Survey, Z


@proposers.register("straddle")
def straddle(observed: Observed, domain: Domain, ask: Ask) -> Proposal:
    """The greatest 1.96 sd − |mean − threshold|, one after another (Bryan et al., "Active learning for
    identifying function threshold boundaries", NIPS 2005).

    After each point of a pack the field's variance is that with an outcome there; seeds are repeated as by `boundary`. Space is
    filled only until both phases are found.
    """
    survey = Survey.of(observed, domain, ask)
    if survey.known:
        return survey.answer(survey.nothing())

    def score(above: Array, before: Array, now: Array, slope: Array) -> Array:
        del before, slope
        return Z * now - np.abs(above)

    return survey.answer(pack(survey, ask, score, 0.0, drawn=False))
