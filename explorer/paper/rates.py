"""The phase diagram over sparsity and rate, through r > 1."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.sparse_gaussian import KOEGLER

papers.register("rates")(
    Published(
        title="Phase diagram of sparse Rademacher data over sparsity and compression rate",
        after="In no paper.",
        drawings=(
            Drawing(
                "phase_diagram",
                "Localization of what gradient descent finds from random starts. Orange: where it leaves the "
                "rotation. White: where rotation and exact identity have equal loss, which theory knows for r ≤ 1 "
                "(dashed, p_c = 2/π); above r = 1 there are more rows than coordinates, and no identity.",
            ),
        ),
        cites=(KOEGLER,),
        place=71,
    )
)
