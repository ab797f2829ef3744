"""Linear, denoising and multi-layer decoders on their limits."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.sparse_gaussian import AFTER, KOEGLER

LINES = (
    "Lines: the limits of d → ∞, of the rotation, of the scalar channel and of state evolution; in the grey area "
    "nothing can lie, by Shannon."
)

papers.register("decoders")(
    Published(
        title="Nonlinear decoders of 1-bit codes on sparse Gaussian data",
        after=AFTER,
        drawings=(
            Drawing(
                "decoders",
                f"Loss of three decoders against the compression rate r. {LINES}",
                options={"x": "rate", "y": "sparsity"},
            ),
            Drawing(
                "decoders",
                f"The same against the sparsity p. {LINES}",
                options={"x": "sparsity", "y": "rate"},
            ),
        ),
        cites=(KOEGLER, "venkataramanan2022estimation"),
        place=60,
    )
)
