"""Nonlinear decoders on images that are sparse by nature."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.sparse_gaussian import AFTER, KOEGLER

papers.register("digits")(
    Published(
        title="Nonlinear decoders of 1-bit codes on MNIST at its own sparsity",
        after=AFTER,
        drawings=(
            Drawing(
                "lines",
                "Loss of three decoders against the compression rate r on MNIST, most of whose pixels are zero; "
                "pixels are divided by one number, so that zeros stay zeros up to their mean.",
                options={"x": "rate", "y": "dataset", "value": "loss"},
            ),
        ),
        cites=(KOEGLER, "lecun1998gradient"),
        place=62,
        data=("mnist",),
    )
)
