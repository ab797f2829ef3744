"""Nonlinear decoders on masked natural images."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.sparse_gaussian import AFTER, KOEGLER

papers.register("masked_images")(
    Published(
        title="Nonlinear decoders of 1-bit codes on masked whitened images",
        after=AFTER,
        drawings=(
            Drawing(
                "lines",
                "Loss of three decoders against the sparsity p of a Bernoulli mask over whitened grey patches of "
                "CIFAR-10. Dashed: what each reaches on sparse Gaussian data as d → ∞.",
                options={"x": "sparsity", "y": "rate", "value": "loss"},
            ),
        ),
        cites=(KOEGLER, "krizhevsky2009learning"),
        place=61,
        data=("cifar10",),
    )
)
