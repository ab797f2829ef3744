"""Closed forms beside which results are drawn. A leaf: NumPy and SciPy only."""

from explorer.theory.anisotropic import anisotropic_allocation, anisotropic_loss
from explorer.theory.catalogue import CATALOGUE, Prediction, tabulate
from explorer.theory.denoiser import denoiser_loss
from explorer.theory.gaussian import activation_factor, gaussian_loss
from explorer.theory.linear import pca_loss, ppca_log_likelihood
from explorer.theory.mixed import mixed_loss
from explorer.theory.posterior import mmse, posterior_mean, posterior_variance
from explorer.theory.predict import LIMITS, predicted_boundary, predicted_limits, predicted_losses
from explorer.theory.rate_distortion import rate_distortion, reverse_waterfilling
from explorer.theory.sparse import (
    critical_sparsity,
    first_absolute_moment,
    identity_loss,
    tie_broken_identity_loss,
)
from explorer.theory.state_evolution import StateEvolution, kappa, multilayer_loss, state_evolution

__all__ = [
    "CATALOGUE",
    "LIMITS",
    "Prediction",
    "StateEvolution",
    "activation_factor",
    "anisotropic_allocation",
    "anisotropic_loss",
    "critical_sparsity",
    "denoiser_loss",
    "first_absolute_moment",
    "gaussian_loss",
    "identity_loss",
    "kappa",
    "mixed_loss",
    "mmse",
    "multilayer_loss",
    "pca_loss",
    "posterior_mean",
    "posterior_variance",
    "ppca_log_likelihood",
    "predicted_boundary",
    "predicted_limits",
    "predicted_losses",
    "rate_distortion",
    "reverse_waterfilling",
    "state_evolution",
    "tabulate",
    "tie_broken_identity_loss",
]
