"""Axes: what a setting is called, which values it may take, and how it is written in a figure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from explorer.errors import StudyError
from explorer.plain_text import printable
from explorer.registry import nearest

Value = float | int | str | bool
# A count is a whole number or inf, kept as a float.
Kind = Literal["float", "int", "count", "str", "bool"]

# What a setting means for packing:
#   shape    cells that differ in it cannot share a program
#   knob     one tensor entry per cell
#   stream   changes the underlying draws that cells of one seed share
#   instance changes where a cell starts, and nothing in the program
Role = Literal["shape", "knob", "stream", "instance"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A numeric domain such as (0, 1]."""

    low: float
    high: float
    low_closed: bool = True
    high_closed: bool = True

    def holds(self, value: Value) -> bool:
        """Whether a value lies in the interval; what is not a number does not."""
        if isinstance(value, str):
            return False
        above = value >= self.low if self.low_closed else value > self.low
        below = value <= self.high if self.high_closed else value < self.high
        return above and below

    def __str__(self) -> str:
        low = "-inf" if math.isinf(self.low) else f"{self.low:.12g}"
        high = "inf" if math.isinf(self.high) else f"{self.high:.12g}"
        left = "[" if self.low_closed and not math.isinf(self.low) else "("
        right = "]" if self.high_closed and not math.isinf(self.high) else ")"
        return f"{left}{low}, {high}{right}"


def open_closed(low: float, high: float) -> Interval:
    """The interval (low, high]."""
    return Interval(low, high, low_closed=False)


def positive() -> Interval:
    """The interval (0, inf)."""
    return Interval(0.0, math.inf, low_closed=False)


@dataclass(frozen=True, slots=True)
class Choices:
    """A finite domain of names."""

    values: tuple[str, ...]

    def holds(self, value: Value) -> bool:
        """Whether a value is one of the names."""
        return value in self.values

    def __str__(self) -> str:
        return "{" + ", ".join(self.values) + "}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A domain of text of one form, such as the hidden widths `256-64-16`; spaces around it and its commas do not count.

    `says` names the form.
    """

    pattern: str
    says: str

    def holds(self, value: Value) -> bool:
        """Whether a value has the form."""
        return re.fullmatch(self.pattern, str(value)) is not None

    def __str__(self) -> str:
        return self.says


@dataclass(frozen=True, slots=True)
class Axis:
    """One named setting: its type, its domain, its default (None: must be given), its role.

    `when` names the settings under which this one matters at all, e.g. `{"base": ("laplace",)}`;
    elsewhere it is left out of a cell, so that it cannot tell equal cells apart. `neutral` is the value, also the default,
    at which the setting does nothing: a cell at it has the key, and the program, of a cell without the setting.
    A `derived` setting follows from the others and cannot be written.
    """

    name: str
    kind: Kind
    domain: Interval | Choices | Pattern | None = None
    default: Value | None = None
    role: Role = "knob"
    when: Mapping[str, tuple[Value, ...]] | None = None
    training: bool = False
    neutral: Value | None = None
    derived: bool = False

    def matters(self, settings: Mapping[str, Value]) -> bool:
        """Whether this setting changes anything, given the others."""
        return self.when is None or all(settings.get(k) in allowed for k, allowed in self.when.items())

    def read(self, value: object, where: object, owner: str = "") -> Value:
        """`value` as this axis's own type, or a StudyError that says what is wrong with it, at `where` as it prints."""
        typed = _typed(value, self.kind, where)
        if isinstance(self.domain, Pattern):
            typed = re.sub(r" *, *", ",", str(typed).strip())
        if self.domain is not None and not self.domain.holds(typed):
            of = f", the domain of {owner}" if owner else ""
            raise StudyError(f"{where}: {shown(value)} is outside {self.domain}{of}.{self._near(typed)}")
        return typed

    def _near(self, value: Value) -> str:
        if isinstance(self.domain, Choices):
            return nearest(str(value), self.domain.values)
        if isinstance(self.domain, Interval) and isinstance(value, int | float) and math.isfinite(value):
            for scale in (10, 100):
                if self.domain.holds(value / scale) and not isinstance(value, int):
                    return f" Did you mean {value / scale:.12g}?"
        return ""


# Of images, for sources that hold them and architectures that read them.
CHANNELS = Axis("channels", "int", Interval(1, 3), 1, role="shape")


_EXPECTED: dict[Kind, str] = {
    "float": "a number", "int": "a whole number", "count": "a whole number or inf", "str": "a name",
    "bool": "true or false",
}  # fmt: skip


def _typed(value: object, kind: Kind, where: object) -> Value:
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "str" and isinstance(value, str):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if kind == "count" and not isinstance(value, bool) and value in (math.inf, "inf"):
        return math.inf
    number = _finite(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if number is not None and kind == "float":
        return number
    if number is not None and kind == "int" and number.is_integer():
        return int(value)  # type: ignore[arg-type]
    if number is not None and kind == "count" and number.is_integer():
        return number
    infinite = isinstance(value, float) and not math.isfinite(value)
    expected = "a finite number" if infinite else _EXPECTED[kind]
    quoted = _finite(value) if isinstance(value, str) and kind in ("float", "int", "count") else None
    hint = f" Did you mean the number {quoted:.12g}, without quotes?" if quoted is not None else ""
    raise StudyError(f"{where}: found {shown(value)}, expected {expected}.{hint}")


def _finite(value: float | str) -> float | None:
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number + 0.0 if math.isfinite(number) else None  # -0.0 becomes 0.0


def shown(value: object) -> str:
    """A value as a user would write it, on one line."""
    if isinstance(value, str):
        return f'"{printable(value)}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return printable(str(value))


@dataclass(frozen=True, slots=True)
class Term:
    """How a column is written: symbol in the papers, label in figures, meaning."""

    symbol: str
    label: str
    meaning: str


GLOSSARY: dict[str, Term] = {
    "sparsity": Term("$p$", "sparsity $p$", "probability that a coordinate of x is non-zero; 1 is dense"),
    "rate": Term(
        "$r$", "compression rate $r = n/d$", "code length per input coordinate; bits per coordinate with a sign"
    ),
    "dimension": Term("$d$", "dimension $d$", "number of input coordinates"),
    "code_dimension": Term("$n$", "code dimension $n$", "number of code coordinates, n = round(r d)"),
    "inner": Term("", "masked source", "law of the data before a random mask"),
    "spectrum": Term("", "spectrum", "how the eigenvalues of the data's covariance fall off"),
    "exponent": Term(
        r"$\alpha$", r"exponent $\alpha$", "eigenvalue i of the covariance is proportional to i^-exponent"
    ),
    "spikes": Term("", "spikes", "number of larger eigenvalues of the covariance"),
    "spike_strength": Term("", "spike strength", "a spike's eigenvalue over that of the bulk, less 1"),
    "eigenvalues": Term(r"$\lambda$", r"eigenvalues $\lambda$", "eigenvalues of the covariance, with their shares"),
    "rotated": Term(
        "", "rotated axes", "whether the covariance's eigenvectors are a random rotation of the coordinates"
    ),
    "atoms": Term("$k/d$", "atoms per coordinate $k/d$", "number of columns of the true dictionary over the dimension"),
    "active": Term(r"$\pi$", r"active share of atoms $\pi$", "probability that an atom takes part in a sample"),
    "coefficients": Term("", "coefficients", "whether the coefficients of the atoms have signs"),
    "intrinsic": Term("$k$", "intrinsic dimension $k$", "dimension of the manifold that the data lie on"),
    "curvature": Term(
        "$c$", "curvature $c$", "root of the ratio of curved to flat variance of the data's manifold; 0: a plane"
    ),
    "ambient_noise": Term(
        r"$\tau$",
        r"ambient noise $\tau$",
        "standard deviation of the noise around the manifold, over that of the data on it",
    ),
    "dataset": Term("", "dataset", "the image files: digits, or the name of a folder"),
    "patch": Term("", "patch", "side of square patches in pixels; 0: whole images"),
    "test_share": Term("", "test share", "share of the images held out, where the files make no split"),
    "scaling": Term("", "scaling", "what pixels are centred and divided by"),
    "whitening": Term("", "whitening", "how the pixels' covariance is made the identity"),
    "shrinkage": Term("", "shrinkage", "weight of the mean eigenvalue in each before whitening"),
    "fingerprint": Term("", "fingerprint", "hash of the rows of images before scaling"),
    "base": Term("$P_g$", "base distribution", "law of the non-zero values, unit variance before sparsifying"),
    "shape": Term(
        r"$\beta$", r"tail shape $\beta$", "exponent of the generalized Gaussian base, density ~ exp(-|g|^beta)"
    ),
    "source": Term("$P$", "source", "law of the data x"),
    "architecture": Term("", "architecture", "family of autoencoders"),
    "activation": Term(r"$\sigma$", r"activation $\sigma$", "nonlinearity of the code z = sigma(Bx)"),
    "tied": Term("", "tied decoder", "whether the decoder is a multiple of the encoder's transpose"),
    "init": Term("", "start", "where gradient descent starts"),
    "seed": Term("", "seed", "replicate; names the random draws of a cell"),
    "learning_rate": Term(r"$\eta$", r"learning rate $\eta$", "peak step size of the optimizer"),
    "surrogate_width": Term(
        "$w$", "surrogate width $w$", "width of the tanh whose derivative replaces that of the sign"
    ),
    "channels": Term("$C$", "channels $C$", "channels of the images that x are, 1 or red, green, blue"),
    "hidden": Term(
        "", "hidden widths", "units of each hidden layer from the input to the code, mirrored in the decoder"
    ),
    "features": Term(
        "", "features", "output channels of each convolution that halves the side, mirrored in the decoder"
    ),
    "penalty": Term("", "penalty", "what keeps the code sparse: l1, or kl of each unit's mean to the target"),
    "penalty_weight": Term(
        r"$\lambda$", r"penalty weight $\lambda$", "weight of the penalty in what is minimised; not in the loss"
    ),
    "target": Term(r"$\rho$", r"target activity $\rho$", "mean activity that the kl penalty asks of each unit"),
    "corruption": Term("", "corruption", "how x is corrupted before it is encoded: gaussian or masking"),
    "corruption_level": Term(
        "$s$",
        "corruption level $s$",
        "standard deviation of Gaussian corruption, or probability of masking a coordinate",
    ),
    "jacobian": Term("", "Jacobian", "how the squared norm of dz/dx is computed: exact, or estimated by random signs"),
    "beta": Term(r"$\beta$", r"KL weight $\beta$", "weight of KL(q(z|x) || p(z)) in what is minimised"),
    "steps": Term("", "training steps", "number of optimizer steps"),
    "batch": Term("", "batch size", "fresh samples per step"),
    "optimizer": Term("", "optimizer", "update rule"),
    "schedule": Term("", "learning-rate schedule", "how the step size changes along training"),
    "evaluation_samples": Term("", "evaluation samples", "fresh samples on which the reported loss is measured"),
    "loss": Term("$R$", r"loss $E\,\|x-\hat x\|^2/d$", "population loss per coordinate"),
    "loss_se": Term("", "standard error of the loss", "Monte-Carlo standard error of loss"),
    "localization": Term(
        "",
        r"localization $\langle\sum_j B_{ij}^4\rangle_i$",
        "mean over rows of sum_j B_ij^4; 1: identity, 3/(d+2): random rotation",
    ),
    "peak": Term("", r"peak $\langle\max_j |B_{ij}|\rangle_i$", "mean over rows of the largest absolute entry"),
    "permutation_distance": Term(
        "", "distance to a permutation", "||B - P||_F^2 / 2n to the nearest signed partial permutation"
    ),
    "orthogonality": Term("", r"$\|BB^{\!\top}\! - I\|_F^2/n$", "defect of the rows' orthonormality"),
    "frame_defect": Term("", r"$\|B^{\!\top}\! B - rI\|_F^2/d$", "defect of a tight frame (r > 1)"),
    "haar_distance": Term(
        "", "distance to a random rotation", "Kolmogorov-Smirnov distance of the entries sqrt(d) B_ij to N(0, 1)"
    ),
    "coverage": Term("", "coverage", "share of coordinates that are some row's peak"),
    "tying": Term("", r"tying $\cos(A, B^{\!\top})$", "cosine between decoder and transposed encoder"),
    "pooled_localization": Term(
        "",
        r"pooled localization $\sum_{ij} B_{ij}^4 / \sum_i |B_i|^4$",
        "localization of a map with rows of any norm, each weighted by its squared power",
    ),
    "subspace_distance": Term(
        "",
        r"$\|P_B - P_n\|_F^2/2n$",
        "distance of the encoder's row space from the top n principal axes of the data; 0: equal, 1: orthogonal",
    ),
    "pca_loss": Term(
        r"$R_{\mathrm{PCA}}$",
        r"loss of principal components $R_{\mathrm{PCA}}$",
        "loss per coordinate of the best linear code of the same length, fitted on the training data",
    ),
    "dictionary_recovery": Term(
        "",
        r"recovery $\langle\max_j |\cos(D_k, A_j)|\rangle_k$",
        "mean over true atoms of the largest absolute cosine with a decoder column",
    ),
    "effective_rank": Term(
        "", "effective rank of the code", "exp of the entropy of the normalised eigenvalues of the code's covariance"
    ),
    "dead_units": Term("", "dead units", "share of code units with one value on all samples"),
    "active_share": Term("", "active share", "share of code entries that are not zero"),
    "code_sparsity": Term(
        "",
        r"code sparsity $\langle(\sqrt{n} - \|z\|_1/\|z\|_2)/(\sqrt{n} - 1)\rangle$",
        "Hoyer's sparsity of the code, mean over samples; 1: one unit at a time, 0: all magnitudes equal",
    ),
    "code_entropy": Term(
        "", "bits per code unit", "mean over code units of the entropy of their values; none for a continuous code"
    ),
    "jacobian_norm": Term(
        "", r"$E\,\|\partial z/\partial x\|_F^2$", "mean squared norm of the derivative of the code by the input"
    ),
    "elbo": Term("ELBO", "ELBO (nats per coordinate)", "evidence lower bound, nats per input coordinate"),
    "kl": Term("KL", "KL (nats per coordinate)", "divergence of posterior from prior, nats per input coordinate"),
}

# Columns whose whole range is shown in colour, so that figures of several stores compare.
BOUNDED = {"localization": (0.0, 1.0), "coverage": (0.0, 1.0), "peak": (0.0, 1.0)}


def label(name: str) -> str:
    """A column's label in figures; the name itself where the glossary has none."""
    return GLOSSARY[name].label if name in GLOSSARY else name.replace("_", " ")


def symbol(name: str) -> str:
    """A column's symbol in the papers, or its name."""
    return (GLOSSARY[name].symbol if name in GLOSSARY else "") or name
