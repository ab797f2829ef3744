"""Nested grids, whatever the outcomes."""

from __future__ import annotations

import math

import numpy as np

from explorer.proposers.base import Ask, Domain, Observed, Proposal, proposers
from explorer.proposers.lattice import Lattice, Places
from explorer.proposers.pack import new_points
from explorer.proposers.survey import Survey


@proposers.register("grid")
def grid(observed: Observed, domain: Domain, ask: Ask) -> Proposal:
    """The points of uniform grids with 3, 5, 9, 17, … values an axis, each grid finished before the next begins.

    Snapped to the lattice. A baseline: outcomes decide only when to stop.
    """
    survey = Survey.of(observed, domain, ask)
    taken = len(survey.taken())
    if survey.known or taken >= survey.lattice.size:
        return survey.answer(survey.nothing())
    return survey.answer(new_points(survey, ask, _nested(survey.lattice, taken + ask.count)))


def _nested(lattice: Lattice, least: int) -> Places:
    """Places of grid after grid, until there are `least` different ones or all."""
    parts: list[Places] = []
    for level in range(1, 2 + math.ceil(math.log2(max(lattice.shape)))):
        lines = [np.unique(np.rint(np.linspace(0, n - 1, 2**level + 1)).astype(np.int64)) for n in lattice.shape]
        parts.append(np.stack([each.ravel() for each in np.meshgrid(*lines, indexing="ij")], axis=1))
        if math.prod(map(len, lines)) >= min(least, lattice.size):
            break
    return np.concatenate(parts)
