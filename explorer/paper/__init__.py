"""Published figures: for each a study in two sizes, the figures drawn from its store, a caption and its citations, one file each."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.make import Made, draw, make

__all__ = ["Drawing", "Made", "Published", "draw", "make", "papers"]
