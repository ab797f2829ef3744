"""Predictions looked up by the names of settings, so that they join any table that has such columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explorer.theory.gaussian import ODD_ACTIVATIONS, gaussian_loss
from explorer.theory.sparse import BASES, critical_sparsity, identity_loss, tie_broken_identity_loss


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
    if not known or rate is None or rate > 1:
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
