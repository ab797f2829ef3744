"""Whether training runs compiled."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.engine.doctor.base import INSTALL, Asked, Finding, Status, checks

SLOWER = "training runs uncompiled, several times slower"


@checks.register("compiler")
def compiler(asked: Asked) -> Sequence[Finding]:
    """A C++ compiler (on a GPU also a C compiler) is there, and torch.compile makes a program with it that is right."""
    try:
        import torch

        from explorer.training.program import compiler_available
    except ImportError:
        return [Finding("compiler", Status.WARNING, "not tried, torch is missing", f"to train here: {INSTALL}")]
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    if not compiler_available(device):
        return [
            Finding(
                "compiler",
                Status.WARNING,
                f"no compiler on PATH: {SLOWER}",
                "install g++ (apt-get install g++), or set CXX and CC",
            )
        ]
    values = torch.linspace(-1, 1, 4096, device=device)

    def function(x: torch.Tensor) -> torch.Tensor:
        return (torch.tanh(x * 3) + x**2).sum()

    try:
        compiled = torch.compile(function, fullgraph=True, dynamic=False)(values).item()
    except Exception as error:  # whatever torch, Triton or the compiler raise
        first = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        return [
            Finding(
                "compiler",
                Status.PROBLEM,
                f"torch.compile fails: {first}",
                "install g++ and the Python headers (apt-get install g++ python3-dev), or take the compiler from PATH: "
                + SLOWER,
            )
        ]
    if abs(compiled - function(values).item()) > 1e-2:
        return [
            Finding("compiler", Status.PROBLEM, "a compiled program gives another value", "install another compiler")
        ]
    return [Finding("compiler", Status.OK, f"torch.compile works on {device}")]
