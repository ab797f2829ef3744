"""Which of the four known minimizers each gradient finds, by surrogate and start."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.sparse_gaussian import KOEGLER

OURS = "In no paper: the mixed and tie-broken encoders were found for this project (explorer.theory.mixed_loss)."

papers.register("surrogates")(
    Published(
        title="Phases of the minimizers of sparse Rademacher data, by surrogate gradient and start",
        after=OURS,
        drawings=(
            Drawing(
                "surrogates",
                "Loss (above) and localization (below) of what gradient descent finds with three gradients of the "
                "sign, from random starts and from the identity, decoders refitted by least squares. Lines: the "
                "losses of the rotation, the best mixed encoder, the tie-broken and the exact identity. A cell below "
                "all four is no error: whether anything lies lower than the mixed encoders was open.",
                options={"x": "sparsity"},
            ),
        ),
        cites=(KOEGLER,),
        place=70,
    )
)
