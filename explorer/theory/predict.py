"""Predictions looked up by the names of settings, so that they join any table that has such columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from math import inf
from typing import Any

from explorer.theory.anisotropic import anisotropic_loss
from explorer.theory.denoiser import denoiser_loss
from explorer.theory.gaussian import ODD_ACTIVATIONS, gaussian_loss
from explorer.theory.linear import pca_loss
from explorer.theory.mixed import mixed_loss
from explorer.theory.rate_distortion import rate_distortion, reverse_waterfilling
from explorer.theory.sparse import BASES, critical_sparsity, identity_loss, tie_broken_identity_loss
from explorer.theory.spectra import eigenvalues
from explorer.theory.state_evolution import ENCODERS, Encoder, multilayer_loss

LIMITS = ("loss", "pca", "linear", "identity", "tie_broken_identity", "mixed", "denoiser", "multilayer", "shannon")
_ONE_BIT = ("denoiser", "unrolled", "random_encoder")


def _given(value: Any) -> bool:
    return value is not None and value == value  # a missing cell of a table is NaN


def _rate(settings: Mapping[str, Any]) -> float | None:
    """n/d where both are known: the rate that was trained, not the one that was asked for."""
    if _given(settings.get("code_dimension")) and _given(settings.get("dimension")):
        return float(settings["code_dimension"]) / float(settings["dimension"])
    return float(settings["rate"]) if _given(settings.get("rate")) else None


def _sign_code(settings: Mapping[str, Any]) -> bool:
    return settings.get("architecture") == "two_layer" and settings.get("activation") == "sign"


def _shape(settings: Mapping[str, Any]) -> float | None:
    return float(settings["shape"]) if _given(settings.get("shape")) else None


def _known_base(settings: Mapping[str, Any]) -> bool:
    base = settings.get("base")
    return base in BASES and (base != "generalized_gaussian" or _shape(settings) is not None)


def predicted_boundary(along: str, settings: Mapping[str, Any]) -> float | None:
    """Where rotation and identity have equal loss along an axis, or None where no formula is known.

    Known: along `sparsity`, sparse source, two_layer with a sign, r ≤ 1, and p_c ≤ 1.
    """
    rate = _rate(settings)
    known = (
        along == "sparsity" and settings.get("source") == "sparse" and _sign_code(settings) and _known_base(settings)
    )
    if not known or rate is None or rate > 1 or not _plain(settings):
        return None
    critical = critical_sparsity(str(settings["base"]), _shape(settings))
    return critical if critical <= 1 + 1e-12 else None


def predicted_losses(settings: Mapping[str, Any]) -> dict[str, float]:
    """The losses of the phases that theory knows for these settings: `rotation`, `identity`, `tie-broken identity`."""
    rate = _rate(settings)
    if (
        rate is None
        or settings.get("architecture") != "two_layer"
        or settings.get("source") not in ("gaussian", "sparse")
        or not _isotropic(settings)
        or not _plain(settings)
    ):
        return {}
    losses: dict[str, float] = {}
    if settings.get("activation") in ODD_ACTIVATIONS and (_sign_code(settings) or settings["source"] == "gaussian"):
        losses["rotation"] = float(gaussian_loss(rate, str(settings["activation"])))
    exact = settings["source"] == "sparse" and _sign_code(settings) and _known_base(settings)
    if exact and rate <= 1 and _given(settings.get("sparsity")):
        arguments = (rate, settings["sparsity"], str(settings["base"]), _shape(settings))
        losses["identity"] = float(identity_loss(*arguments))
        losses["tie-broken identity"] = float(tie_broken_identity_loss(*arguments))
    return losses


def predicted_limits(settings: Mapping[str, Any], names: Collection[str] = LIMITS) -> dict[str, float]:
    """What theory says of these settings, by name; a name is absent where no formula is known. r is n/d as it was trained.

    Only those of `names` are computed: Shannon's limit takes a third of a second, the closed forms microseconds.

    `loss`: of this architecture itself: linear, two_layer on the isotropic gaussian source (`gaussian_loss`), denoiser,
    unrolled with its `layers`, random_encoder with its `decoder`, `layers` and `encoder_law`, the latter three with
    Bayes-optimal denoisers and from a random start. For 1-bit codes (two_layer with a
    sign, denoiser, unrolled, random_encoder) of the sparse and isotropic gaussian sources: `linear` (the rotation), `denoiser`
    and `multilayer` (fixed point from the uninformed start; Haar encoders, r ≤ 1), `shannon`; on the sparse source with r ≤ 1
    also `identity`, `tie_broken_identity` and `mixed`. For a Gaussian source of another spectrum: `pca` (any architecture), and
    for 1-bit codes `linear` (`anisotropic_loss`, which assumes many coordinates an eigenvalue) and `shannon`
    (`reverse_waterfilling`). Nothing for cross_entropy, a finite training set or rounded weights.
    """
    rate, law = _rate(settings), _law(settings)
    if rate is None or not _plain(settings):
        return {}
    signs = _sign_code(settings) or settings.get("architecture") in _ONE_BIT
    if law is None:
        return {name: value for name, value in _of_spectrum(settings, rate, signs, names).items() if name in names}
    limits = _own_loss(settings, rate, law) if "loss" in names else {}
    if not signs:
        return limits
    sparse = settings.get("source") == "sparse"
    known: tuple[tuple[str, Callable[..., Any], tuple[Any, ...], bool], ...] = (
        ("linear", gaussian_loss, (rate,), True),
        ("shannon", _shannon, (rate, *law), True),
        ("denoiser", denoiser_loss, (rate, *law), True),
        ("multilayer", multilayer_loss, (rate, *law), True),
        ("identity", identity_loss, (rate, *law), sparse),
        ("tie_broken_identity", tie_broken_identity_loss, (rate, *law), sparse),
        ("mixed", _mixed, (rate, *law), sparse),
    )
    for name, function, arguments, there in known:
        if there and name in names:
            limits |= _known(name, function, *arguments)
    return limits


def _isotropic(settings: Mapping[str, Any]) -> bool:
    return not _given(settings.get("spectrum")) or settings["spectrum"] == "isotropic"


def _plain(settings: Mapping[str, Any]) -> bool:
    """Whether a cell is as the formulas have it: squared error, fresh samples, weights that are real numbers."""
    usual = {"distortion": "squared_error", "samples": inf, "weight_bits": inf}
    return all(not _given(settings.get(name)) or settings[name] == value for name, value in usual.items())


def _law(settings: Mapping[str, Any]) -> tuple[float, str, float | None] | None:
    """Sparsity, base and shape of a source of i.i.d. coordinates, or None for any other source."""
    if settings.get("source") == "gaussian":
        return (1.0, "gaussian", None) if _isotropic(settings) else None
    if settings.get("source") != "sparse" or not _known_base(settings) or not _given(settings.get("sparsity")):
        return None
    shape = _shape(settings) if settings["base"] == "generalized_gaussian" else None
    return float(settings["sparsity"]), str(settings["base"]), shape


def _of_spectrum(settings: Mapping[str, Any], rate: float, signs: bool, names: Collection[str]) -> dict[str, float]:
    """The limits on Gaussian data that are not isotropic."""
    if settings.get("source") != "gaussian" or _isotropic(settings) or not _given(settings.get("dimension")):
        return {}
    needed = ("dimension", "spectrum", "exponent", "spikes", "spike_strength", "eigenvalues")
    values = tuple(eigenvalues({name: settings.get(name) for name in needed}).tolist())
    limits = _known("pca", pca_loss, values, rate)
    if settings.get("architecture") == "linear":
        limits["loss"] = limits["pca"]
    if signs:
        limits |= _known("linear", anisotropic_loss, values, rate)
        if "shannon" in names:
            limits |= _known("shannon", reverse_waterfilling, values, rate)
    return limits


def _own_loss(settings: Mapping[str, Any], rate: float, law: tuple[float, str, float | None]) -> dict[str, float]:
    architecture, activation = settings.get("architecture"), settings.get("activation")
    if architecture == "linear":
        return {"loss": max(0.0, 1 - rate)}
    if architecture == "two_layer" and settings.get("source") == "gaussian" and activation in ODD_ACTIVATIONS:
        return _known("loss", gaussian_loss, rate, str(activation))
    if settings.get("denoiser", "bayes") != "bayes" and _given(settings.get("denoiser")):
        return {}
    if settings.get("init") == "identity":
        return {}
    random = architecture == "random_encoder"
    if random and settings.get("encoder_law") not in ENCODERS:
        return {}
    encoder: Encoder = "gaussian" if random and settings["encoder_law"] == "gaussian" else "haar"
    decoder = settings.get("decoder") if random else architecture
    if decoder == "unrolled" and _given(settings.get("layers")):
        return _known("loss", multilayer_loss, rate, *law, int(settings["layers"]), "uninformed", encoder)
    if encoder == "haar" and decoder == "denoiser":
        return _known("loss", denoiser_loss, rate, *law)
    if encoder == "haar" and decoder == "linear" and rate <= 1:
        return _known("loss", gaussian_loss, rate)
    return {}


@lru_cache(maxsize=100_000)
def _value(function: Callable[..., Any], *arguments: Any) -> float:
    return float(function(*arguments))


def _known(name: str, function: Callable[..., Any], *arguments: Any) -> dict[str, float]:
    """The one entry, or none where the function is not known there."""
    value = _value(function, *arguments)
    return {name: value} if _given(value) else {}


def _shannon(rate: float, sparsity: float, base: str, shape: float | None) -> float:
    value, error = rate_distortion(rate, sparsity, base, shape)
    return float(value) if error <= 1e-3 else float("nan")


def _mixed(rate: float, sparsity: float, base: str, shape: float | None) -> float:
    return float(mixed_loss(rate, sparsity, base, shape)[0])
