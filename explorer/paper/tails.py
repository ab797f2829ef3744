"""The phase diagram over sparsity and the tail of the non-zero values."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.sparse_gaussian import KOEGLER

papers.register("tails")(
    Published(
        title="Phase diagram over sparsity and the tail shape of the non-zero values",
        after="In no paper.",
        drawings=(
            Drawing(
                "phase_diagram",
                "Localization from random starts on sparse data with density of the non-zero values ∝ exp(-|g/s|^β), "
                "r = 1. Dashed: p_c(β) = (2/π)/m², m = E|g|, where rotation and exact identity have equal loss; it "
                "leaves (0, 1] at β = 2, the Gaussian.",
                options={"x": "sparsity", "y": "shape"},
            ),
        ),
        cites=(KOEGLER,),
        place=72,
    )
)
