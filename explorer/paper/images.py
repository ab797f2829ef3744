"""Natural images, whitened: on the line of Gaussian data."""

from explorer.paper.base import Drawing, Published, papers
from explorer.paper.gaussian import SHEVCHENKO

papers.register("images")(
    Published(
        title="1-bit codes of natural images",
        after="After the experiments on CIFAR-10 and MNIST of Shevchenko et al. 2023 (arXiv 2212.13468) and Kögler et "
        "al. 2024 (arXiv 2402.05013).",
        drawings=(
            Drawing(
                "lines",
                "Loss of gradient descent against the compression rate r on whitened grey patches of CIFAR-10 and "
                "MNIST. Dashed: what isotropic Gaussian data have. Marks: the shrinkage of the whitening, the weight "
                "of the mean eigenvalue in each; with more of it directions keep less variance, and lose less.",
                options={"x": "rate", "y": "dataset", "value": "loss"},
            ),
        ),
        cites=(SHEVCHENKO, "koegler2024compression", "krizhevsky2009learning", "lecun1998gradient"),
        place=30,
        data=("cifar10", "mnist"),
    )
)
