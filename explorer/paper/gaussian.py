"""Gaussian data and a sign: gradient descent on the lower bound."""

from explorer.paper.base import Drawing, Published, papers

SHEVCHENKO = "shevchenko2023fundamental"
AFTER = "After the experiments on Gaussian data of Shevchenko et al. 2023 (arXiv 2212.13468)."

papers.register("gaussian")(
    Published(
        title="Two-layer autoencoders with a 1-bit code on Gaussian data",
        after=AFTER,
        drawings=(
            Drawing(
                "lines",
                "Loss of gradient descent against the compression rate r, for untied and tied decoders and several "
                "dimensions d. Dashed: the lower bound, 1 - 2r/π for r ≤ 1 and 1 - r/(r + π/2 - 1) above, reached as "
                "d → ∞.",
                options={"x": "rate", "y": "tied", "value": "loss"},
            ),
            Drawing(
                "lines",
                "Distance of the encoder's Gram matrix from the identity, ‖BBᵀ - I‖²_F/n, for rates up to 1: rows "
                "become orthonormal.",
                options={"x": "rate", "y": "tied", "value": "orthogonality", "where": "rate <= 1"},
            ),
            Drawing(
                "lines",
                "Distance of the encoder from a tight frame, ‖BᵀB - rI‖²_F/d, for rates above 1.",
                options={"x": "rate", "y": "tied", "value": "frame_defect", "where": "rate > 1"},
            ),
        ),
        cites=(SHEVCHENKO,),
        place=10,
    )
)
