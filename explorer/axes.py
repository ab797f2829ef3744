"""Axes: what a setting is called, which values it may take, and how it is written in a figure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from explorer.errors import StudyError
from explorer.registry import nearest

Value = float | int | str | bool
Kind = Literal["float", "int", "str", "bool"]

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
class Axis:
    """One named setting: its type, its domain, its default (None: must be given), its role.

    `when` names the settings under which this one matters at all, e.g. `{"base": ("laplace",)}`;
    elsewhere it is left out of a cell, so that it cannot tell equal cells apart.
    """

    name: str
    kind: Kind
    domain: Interval | Choices | None = None
    default: Value | None = None
    role: Role = "knob"
    when: Mapping[str, tuple[Value, ...]] | None = None
    training: bool = False

    def matters(self, settings: Mapping[str, Value]) -> bool:
        """Whether this setting changes anything, given the others."""
        return self.when is None or all(settings.get(k) in allowed for k, allowed in self.when.items())

    def read(self, value: object, where: str, owner: str = "") -> Value:
        """`value` as this axis's own type, or a StudyError that says what is wrong with it."""
        typed = _typed(value, self.kind, where)
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


def _typed(value: object, kind: Kind, where: str) -> Value:
    expected = {"float": "a number", "int": "a whole number", "str": "a name", "bool": "true or false"}[kind]
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "str" and isinstance(value, str):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    number = _finite(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if number is not None and kind == "float":
        return number
    if number is not None and kind == "int" and number.is_integer():
        return int(value)  # type: ignore[arg-type]
    if isinstance(value, float) and not math.isfinite(value):
        expected = "a finite number"
    quoted = _finite(value) if isinstance(value, str) and kind in ("float", "int") else None
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


def printable(text: str) -> str:
    """Text without line breaks or control characters, cut after 80."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= 80 else f"{text[:79]}…"


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
    "orthogonality": Term("", r"$\|BB^\top - I\|_F^2/n$", "defect of the rows' orthonormality"),
    "frame_defect": Term("", r"$\|B^\top B - rI\|_F^2/d$", "defect of a tight frame (r > 1)"),
    "haar_distance": Term(
        "", "distance to a random rotation", "Kolmogorov-Smirnov distance of the entries sqrt(d) B_ij to N(0, 1)"
    ),
    "coverage": Term("", "coverage", "share of coordinates that are some row's peak"),
    "tying": Term("", r"tying $\cos(A, B^\top)$", "cosine between decoder and transposed encoder"),
}


def label(name: str) -> str:
    """A column's label in figures; the name itself where the glossary has none."""
    return GLOSSARY[name].label if name in GLOSSARY else name.replace("_", " ")


def symbol(name: str) -> str:
    """A column's symbol in the papers, or its name."""
    return (GLOSSARY[name].symbol if name in GLOSSARY else "") or name
