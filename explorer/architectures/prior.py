"""What a decoder that knows the law of x is told of it."""

from __future__ import annotations

from collections.abc import Mapping

from explorer.axes import Value

Prior = tuple[float, str, float | None]


def prior_of(settings: Mapping[str, Value]) -> Prior:
    """Sparsity, base and shape of a cell's source; a Gaussian source is a sparse one at p = 1."""
    if settings["source"] == "gaussian":
        return 1.0, "gaussian", None
    shape = settings.get("shape")
    return float(settings["sparsity"]), str(settings["base"]), None if shape is None else float(shape)


def unknown_prior(settings: Mapping[str, Value]) -> tuple[str, str] | None:
    """Why a Bayes-optimal decoder cannot be had: the law of x is not known in closed form, or r > 1."""
    isotropic = settings["source"] == "gaussian" and settings.get("spectrum", "isotropic") == "isotropic"
    if settings["source"] != "sparse" and not isotropic:
        return (
            "denoiser",
            "bayes needs a source of independent coordinates of known law, sparse or an isotropic gaussian",
        )
    if int(settings["code_dimension"]) > int(settings["dimension"]):
        return (
            "rate",
            f"bayes is known for at most as many rows as a rotation has, and found rate {settings['rate']:g}; expected at most 1",
        )
    return None
