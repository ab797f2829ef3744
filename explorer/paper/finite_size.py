"""The switch against the dimension, extrapolated."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.sparse_gaussian import KOEGLER

papers.register("finite_size")(
    Published(
        title="Finite-size scaling of the switch of gradient descent on sparse Rademacher data",
        after="In no paper.",
        drawings=(
            Drawing(
                "collapse",
                "Localization against sparsity for dimensions d; its location against d with the extrapolation to d → "
                "∞; the curves on one.",
            ),
        ),
        cites=(KOEGLER, "houdayer2004low"),
        place=74,
    )
)
