"""Points that fill the domain evenly, whatever the outcomes."""

from __future__ import annotations

import math

import numpy as np

from explorer.proposers.base import Ask, Domain, Observed, Proposal, proposers
from explorer.proposers.pack import new_points
from explorer.proposers.survey import Survey


@proposers.register("sobol")
def sobol(observed: Observed, domain: Domain, ask: Ask) -> Proposal:
    """The next points of Sobol's sequence, scrambled by `Ask.seed`, that are neither taken nor pending nor failed.

    Snapped to the lattice. A baseline: outcomes decide only when to stop. It is one sequence as long as the seed stays the same.
    """
    from scipy.stats import qmc

    survey = Survey.of(observed, domain, ask)
    lattice, axes = survey.lattice, len(domain.low)
    taken = survey.taken()
    if survey.known or len(taken) >= lattice.size:
        return survey.answer(survey.nothing())
    wanted = math.ceil(ask.count / max(1, ask.seeds_per_point))
    # The sequence meets every place of a small lattice in a few times its size; what it leaves comes in order.
    length = 2 ** math.ceil(math.log2(4 * (len(taken) + wanted) + 64))
    drawn = lattice.nearest(qmc.Sobol(axes, rng=np.random.default_rng(ask.seed)).random(length))
    places = np.concatenate([drawn, lattice.all()]) if lattice.size <= length else drawn
    return survey.answer(new_points(survey, ask, places))
