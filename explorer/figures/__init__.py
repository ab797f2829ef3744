"""Figures: data extracted from a store apart from the drawing of it, one file each. The only room that imports matplotlib."""

from explorer.figures.base import FigureKind, figures
from explorer.figures.render import composite, figure

__all__ = ["FigureKind", "composite", "figure", "figures"]
