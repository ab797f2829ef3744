"""Sparse Rademacher data: from the rotation to the identity."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.sparse_gaussian import AFTER, KOEGLER

papers.register("transition")(
    Published(
        title="The phase transition of 1-bit codes on sparse Rademacher data",
        after=AFTER,
        drawings=(
            Drawing(
                "loss_curves",
                "Loss against the sparsity p, from random starts and from the identity. The limits of the rotation "
                "and of the exact identity meet at p_c = 2/π; the tie-broken identity, which is in neither paper, "
                "lies below both from p = 0.43.",
            ),
            Drawing(
                "hysteresis",
                "Localization and loss of both starts: where each leaves its branch, and the coexistence between.",
            ),
            Drawing(
                "minimizers",
                "Learned encoders B below, at and above the transition, rows and columns sorted.",
            ),
        ),
        cites=(KOEGLER,),
        place=50,
    )
)
