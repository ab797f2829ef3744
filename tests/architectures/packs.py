"""Cells trained in one pack, uncompiled."""

import numpy as np

from explorer.cells import Cell, Pack
from explorer.observables import observe
from explorer.training import PackRun


def train(*differences, **common):
    """The results of cells with the common settings and each one's own, in order; one cell where none is given."""
    cells = tuple(Cell.of(**{**common, **own}) for own in differences or ({},))
    run = PackRun(Pack(cells, len(cells)), compiled=False)
    run.advance(run.steps)
    results = run.finish()
    assert all(result.status in ("converged", "budget") for result in results)
    return results


def observed(result):
    """Every observable of a result."""
    return observe({**(result.probe or {}), **result.minimizer})


def spectrum(covariance):
    """Eigenvalues from the largest down, and eigenvectors as columns."""
    values, vectors = np.linalg.eigh(covariance.astype(float))
    return values[::-1], vectors[:, ::-1]
