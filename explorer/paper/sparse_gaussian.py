"""Sparse Gaussian data: the central limit theorem hides the sparsity."""

from explorer.paper.base import Drawing, Published, papers

KOEGLER = "koegler2024compression"
AFTER = "After the experiments of Kögler et al. 2024 (arXiv 2402.05013)."

papers.register("sparse_gaussian")(
    Published(
        title="1-bit codes of sparse Gaussian data",
        after=AFTER,
        drawings=(
            Drawing(
                "lines",
                "Loss of gradient descent with a linear decoder against the sparsity p, for dimensions d. Dashed: the "
                "loss on dense Gaussian data, which does not depend on p; the identity, 1 - rpm², lies above it for "
                "every p < 1.",
                options={"x": "sparsity", "y": "rate", "value": "loss"},
            ),
        ),
        cites=(KOEGLER,),
        place=40,
    )
)
