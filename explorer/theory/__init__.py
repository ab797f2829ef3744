"""Closed forms beside which results are drawn. A leaf: NumPy and SciPy only."""

from explorer.theory.gaussian import activation_factor, gaussian_loss
from explorer.theory.predict import predicted_boundary, predicted_losses
from explorer.theory.sparse import (
    critical_sparsity,
    first_absolute_moment,
    identity_loss,
    tie_broken_identity_loss,
)

__all__ = [
    "activation_factor",
    "critical_sparsity",
    "first_absolute_moment",
    "gaussian_loss",
    "identity_loss",
    "predicted_boundary",
    "predicted_losses",
    "tie_broken_identity_loss",
]
