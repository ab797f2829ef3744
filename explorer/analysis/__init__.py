"""Analysis: any table of outcomes in, replicates, phases and boundaries out."""

from explorer.analysis.boundary import estimators, fit_boundary
from explorer.analysis.phases import classify
from explorer.analysis.replicates import replicates

__all__ = ["classify", "estimators", "fit_boundary", "replicates"]
