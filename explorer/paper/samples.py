"""How many samples it takes, by dimension."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.gaussian import SHEVCHENKO

papers.register("samples")(
    Published(
        title="Loss of 1-bit codes on fresh data, by number of training samples and dimension",
        after="In no paper.",
        drawings=(
            Drawing(
                "lines",
                "Loss on fresh Gaussian data against the number of training samples, drawn again and again, for "
                "dimensions d. Dashed: the limit of infinitely many.",
                options={"x": "samples", "y": "rate", "value": "loss"},
            ),
        ),
        cites=(SHEVCHENKO,),
        place=76,
    )
)
