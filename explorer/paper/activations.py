"""Gaussian data and other odd activations: each on its own bound."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.gaussian import AFTER, SHEVCHENKO

papers.register("activations")(
    Published(
        title="Two-layer autoencoders with odd activations on Gaussian data",
        after=AFTER,
        drawings=(
            Drawing(
                "lines",
                "Loss of gradient descent against the compression rate r for activations σ of the code x̂ = Aσ(Bx). "
                "Dashed: 1 - r/f for r ≤ 1 and 1 - r/(r + f - 1) above, with f = E[σ(g)²]/E[gσ(g)]².",
                options={"x": "rate", "y": "dimension", "value": "loss"},
            ),
        ),
        cites=(SHEVCHENKO,),
        place=11,
    )
)
