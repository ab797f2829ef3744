"""Boundaries: where along one axis the phase changes, one estimator a file."""

from explorer.analysis.boundary.base import Boundary, Problem, estimators
from explorer.analysis.boundary.fit import READ, fit_boundary

__all__ = ["READ", "Boundary", "Problem", "estimators", "fit_boundary"]
