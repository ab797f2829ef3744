"""What the precision of the weights costs."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.gaussian import SHEVCHENKO

papers.register("weight_bits")(
    Published(
        title="Loss of 1-bit codes with encoders and decoders of few bits",
        after="In no paper.",
        drawings=(
            Drawing(
                "lines",
                "Loss against the compression rate r on Gaussian data, for weights rounded to m bits in training and "
                "evaluation. Dashed: the limit of real weights.",
                options={"x": "rate", "y": "dimension", "value": "loss"},
            ),
        ),
        cites=(SHEVCHENKO,),
        place=75,
    )
)
