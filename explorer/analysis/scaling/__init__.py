"""Finite-size scaling: extrapolation in the size, data collapse, cumulants and the crossings of sizes."""

from explorer.analysis.scaling.binder import binder
from explorer.analysis.scaling.collapse import Collapse, collapse
from explorer.analysis.scaling.crossings import SizeCrossings, size_crossings
from explorer.analysis.scaling.curves import Curves, curves
from explorer.analysis.scaling.extrapolate import PowerLaw, extrapolate, narrowing
from explorer.analysis.scaling.quality import quality

__all__ = [
    "Collapse",
    "Curves",
    "PowerLaw",
    "SizeCrossings",
    "binder",
    "collapse",
    "curves",
    "extrapolate",
    "narrowing",
    "quality",
    "size_crossings",
]
