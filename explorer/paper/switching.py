"""Where gradient descent switches, by learning rate and width of the surrogate."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.sparse_gaussian import KOEGLER

papers.register("switching")(
    Published(
        title="Where gradient descent switches from rotation to identity, by learning rate and surrogate width",
        after="In no paper.",
        drawings=(
            Drawing(
                "phase_diagram",
                "Localization from random starts on sparse Rademacher data, r = 1, over sparsity p and learning rate "
                "η, a panel for each width w of the surrogate. Where descent changes branch depends on how it "
                "descends; 2/π, where the branches have equal loss, does not.",
                options={"x": "sparsity", "y": "learning_rate"},
            ),
        ),
        cites=(KOEGLER,),
        place=73,
    )
)
