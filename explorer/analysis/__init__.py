"""Analysis: any table of outcomes in, replicates, phases and boundaries out."""

from explorer.analysis.boundary import READ, estimators, fit_boundary
from explorer.analysis.phases import classify
from explorer.analysis.replicates import replicates

__all__ = ["READ", "classify", "estimators", "fit_boundary", "replicates"]
