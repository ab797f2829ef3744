"""Gaussian data with a covariance: how the rows of the encoder are shared out."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.gaussian import SHEVCHENKO

papers.register("anisotropic")(
    Published(
        title="1-bit codes of Gaussian data with a covariance",
        after="After the theorem on general covariance of Shevchenko et al. 2023 (arXiv 2212.13468); the form drawn "
        "was derived for this project.",
        drawings=(
            Drawing(
                "lines",
                "Loss of gradient descent against the compression rate r for block and power-law spectra. Dashed: the best "
                "loss, Σ λ_i [1 - s_i/(s_i + π/2 - 1)]/d, s the best allocation.",
                options={"x": "rate", "y": "dimension", "value": "loss"},
            ),
            Drawing(
                "allocation",
                "Where the rows of the encoder go: the diagonal of B̃ᵀB̃ on each eigenvalue λ of the covariance, B̃ = "
                "BΛ^(1/2) with rows of unit norm. Dashes: the best allocation, s = (√(λ(π/2 - 1)/ν) - (π/2 - 1))₊.",
                options={"y": "rate"},
            ),
        ),
        cites=(SHEVCHENKO,),
        place=20,
    )
)
