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
                "Localization against sparsity for dimensions d, from random starts; the curves on one, where they fall "
                "on one; the location against d with the extrapolation to d → ∞. Dashed: the sparsity, 2 - π/2, from "
                "which the tie-broken identity has a lower loss than the rotation.",
            ),
        ),
        cites=(KOEGLER, "houdayer2004low"),
        place=74,
    )
)
