"""Sparse Gaussian data: loss and orthogonality along training."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.sparse_gaussian import AFTER, KOEGLER

SAYS = (
    "Cells that differ in their number of steps, at a constant learning rate, are one trajectory: draws are named by "
    "seed and step, so that each cell goes on where a shorter one ended."
)

papers.register("dynamics")(
    Published(
        title="Training dynamics on sparse Gaussian data",
        after=AFTER,
        drawings=(
            Drawing(
                "lines",
                "Loss against the number of steps, for dimensions d. Dashed: the loss on dense Gaussian data as d → "
                f"∞. {SAYS}",
                options={"x": "steps", "y": "sparsity", "value": "loss"},
            ),
            Drawing(
                "lines",
                "Distance of the encoder's rows from orthonormal ones, ‖BBᵀ - I‖²_F/n, against the number of steps. "
                f"{SAYS}",
                options={"x": "steps", "y": "sparsity", "value": "orthogonality"},
            ),
        ),
        cites=(KOEGLER,),
        place=41,
    )
)
