"""Other laws of the non-zero values: where the transition lies, or that there is none."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.sparse_gaussian import AFTER, KOEGLER

papers.register("bases")(
    Published(
        title="1-bit codes of sparse data, by the law of the non-zero values",
        after=AFTER,
        drawings=(
            Drawing(
                "lines",
                "Loss of gradient descent from random starts against the sparsity p, a panel for each base. Dashed: "
                "the rotation; dotted: the exact identity, 1 - rpm² with m = E|g|, where it is lower, from p_c = "
                "(2/π)/m² on. Gaussian and Laplace have no transition.",
                options={"x": "sparsity", "y": "base", "value": "loss"},
            ),
        ),
        cites=(KOEGLER,),
        place=51,
    )
)
