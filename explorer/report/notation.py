"""Symbols of the papers as plain text, for a page without TeX."""

from __future__ import annotations

import re

_COMMANDS = {
    "alpha": "α", "beta": "β", "eta": "η", "lambda": "λ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "cos": "cos",
    "sum": "Σ", "max": "max", "langle": "⟨", "rangle": "⟩", "partial": "∂", "top": "ᵀ", "|": "‖", ",": " ", "sqrt": "√",
    "times": "×", "le": "≤", "ge": "≥", "infty": "∞",
}  # fmt: skip
_RAISED = dict(zip("0123456789T+-", "⁰¹²³⁴⁵⁶⁷⁸⁹ᵀ⁺⁻", strict=True))
_LOWERED = dict(zip("0123456789aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
_TOKEN = re.compile(r"\\([A-Za-z]+|[|,]) ?")
_SCRIPT = re.compile(r"([_^])(?:\{([^{}]*)\}|(.))")


def unicode_text(text: str) -> str:
    """Text with TeX between dollars as Unicode: `$\\|B^\\top B - rI\\|_F^2/d$` is ‖BᵀB − rI‖_F²/d."""
    parts = text.split("$")
    return "".join(part if number % 2 == 0 else _formula(part) for number, part in enumerate(parts))


def _formula(tex: str) -> str:
    tex = re.sub(r"\\mathrm\{([^{}]*)\}", r"\1", tex)
    tex = re.sub(r"\\hat ?\{?(\w)\}?", "\\1\u0302", tex)
    tex = re.sub(r"\\sqrt\{([^{}]*)\}", r"√\1", tex)
    tex = re.sub(r"\\!( (?=\w))?", "", tex)
    tex = re.sub(r"\\top( (?=\w))?", "T", tex)
    tex = _TOKEN.sub(lambda found: _COMMANDS.get(found[1], found[1]), tex)
    tex = _SCRIPT.sub(_script, tex)
    return tex.replace("-", "−").replace("*", "·")


def _script(found: re.Match[str]) -> str:
    """A subscript or an exponent in small letters, where there are such for all of it."""
    said = found[2] if found[2] is not None else found[3]
    small = _LOWERED if found[1] == "_" else _RAISED
    return "".join(small[c] for c in said) if all(c in small for c in said) else f"{found[1]}{said}"
