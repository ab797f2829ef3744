"""Levers that would make a step cheaper or a training shorter: what each saves, and what it does to losses and boundaries.

Sparse Rademacher data, two_layer with a sign, r = 1. Every lever trains the same cells; `as shipped` is what the package does, and
`another width` the same in programs of another width: what rounding alone does. TF32 products are those of a GPU, reproduced on a CPU
by rounding what is multiplied to 10 bits of mantissa (their speed is not measured here).
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import report
import torch
from torch import Tensor

DIMENSION, STEPS, SEEDS = 48, 3000, 4
SPARSITIES = (0.1, 0.2, 0.3, 0.35, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9)
IDENTITY_FROM, ROTATION_TO = 0.7, 0.3
WIDTH, OTHER_WIDTH = 24, 16
STEPS_TIMED = 200


def rounded(value: Tensor, bits: int) -> Tensor:
    """Round to a mantissa of this many bits, to nearest, by Veltkamp's splitting; the gradient passes."""
    fixed = value.detach()
    scaled = fixed * (2.0 ** (23 - bits) + 1)
    return value + ((scaled - (scaled - fixed)) - fixed)


@contextlib.contextmanager
def products(bits: int) -> Iterator[None]:
    """What is multiplied is rounded first, as tensor cores do, but for the gradients that come from above."""
    from explorer.architectures.two_layer import TwoLayer, straight_through_sign

    def code(self: Any, x: Tensor, **knobs: Tensor) -> Tensor:
        preactivation = rounded(x, bits) @ rounded(self.encoder, bits).T
        if "surrogate_width" not in knobs:
            return torch.where(preactivation < 0, -1.0, 1.0)
        return straight_through_sign(preactivation, knobs["surrogate_width"])

    def forward(self: Any, x: Tensor, **knobs: Tensor) -> Tensor:
        return rounded(self.code(x, **knobs), bits) @ rounded(self._decoder(), bits).T

    with _patched(TwoLayer, code=code, forward=forward):
        yield


@contextlib.contextmanager
def surrogate(derivative: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Another derivative in place of sech²: `derivative` of a = |u| / width, its integral over u in units of width is 2."""
    import explorer.architectures.two_layer as module

    def sign(u: Tensor, width: Tensor) -> Tensor:
        fixed, inverse = u.detach(), width.reciprocal()
        slope = inverse * derivative(fixed.abs() * inverse)
        return torch.where(fixed < 0, -1.0, 1.0) + slope * (u - fixed)

    with _patched(module, straight_through_sign=sign):
        yield


@contextlib.contextmanager
def _patched(where: Any, **values: Any) -> Iterator[None]:
    before = {name: getattr(where, name) for name in values}
    for name, value in values.items():
        setattr(where, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(where, name, value)


def as_it_is() -> Any:
    return contextlib.nullcontext()


# name: context, settings, width, own draws for each sparsity, whether its speed means anything here
LEVERS: dict[str, tuple[Callable[[], Any], dict[str, Any], int, bool, bool]] = {
    "as shipped": (as_it_is, {}, WIDTH, False, True),
    "another width": (as_it_is, {}, OTHER_WIDTH, False, True),
    "sech² through tanh": (lambda: surrogate(lambda a: 1 - torch.tanh(a).square()), {}, WIDTH, False, True),
    "triangle for sech²": (lambda: surrogate(lambda a: (1 - a / 2).clamp(min=0)), {}, WIDTH, False, True),
    "rational for sech²": (lambda: surrogate(lambda a: 1 / (1 + a) ** 2), {}, WIDTH, False, True),
    "TF32 products": (lambda: products(10), {}, WIDTH, False, False),
    "bf16 products": (lambda: products(7), {}, WIDTH, False, False),
    "own draws for every cell": (as_it_is, {}, WIDTH, True, True),
    "learning rate 0.04, 1,500 steps": (as_it_is, {"learning_rate": 0.04, "steps": 1500}, WIDTH, False, True),
    "1,500 steps": (as_it_is, {"steps": 1500}, WIDTH, False, True),
    "plateau, budget 12,000": (as_it_is, {"schedule": "plateau", "steps": 12_000}, WIDTH, False, True),
}


def train(name: str) -> tuple[str, pd.DataFrame, float, float]:
    """A lever's cells; microseconds a cell and step; mean steps."""
    from explorer.cells import Cell, Pack
    from explorer.engine.rows import observed_of
    from explorer.training import PackRun

    torch.set_num_threads(1)
    context, settings, width, own, _ = LEVERS[name]
    cells: list[Cell] = []
    replicate: dict[str, int] = {}
    for start in ("random", "identity"):
        for seed in range(SEEDS):
            for i, sparsity in enumerate(SPARSITIES):
                drawn = seed + 1000 * (i + 1) if own else seed
                given = {"source": "sparse", "architecture": "two_layer", "dimension": DIMENSION, "rate": 1.0,
                         "steps": STEPS, "sparsity": sparsity, "init": start, "seed": drawn, **settings}  # fmt: skip
                cells.append(Cell.of(**given))
                replicate[cells[-1].key] = seed
    with context():
        run = PackRun(Pack(tuple(cells), width))
        run.advance(10)
        begin = time.perf_counter()
        run.advance(STEPS_TIMED)
        pace = (time.perf_counter() - begin) / STEPS_TIMED / width
        results = run.train()
    rows = [
        {
            "sparsity": r.cell.settings["sparsity"],
            "init": r.cell.settings["init"],
            "dimension": DIMENSION,
            "seed": replicate[r.cell.key],
            "loss": r.loss,
            "steps": r.steps,
            **{name: observed_of(r)[name] for name in ("localization", "tying", "coverage")},
        }
        for r in results
        if r.minimizer is not None
    ]
    frame = pd.DataFrame(rows)
    return name, frame, 1e6 * pace, float(frame["steps"].mean())


def said(name: str, frame: pd.DataFrame, pace: float, steps: float, shipped: tuple[pd.DataFrame, float, float]) -> dict:
    from explorer.analysis import fit_boundary

    base, base_pace, base_steps = shipped
    identity = frame[(frame["sparsity"] >= IDENTITY_FROM) & (frame["localization"] > 0.9)]
    excess = (identity["loss"] - (1 - identity["sparsity"])).groupby(identity["seed"]).mean()
    rotation = frame[(frame["sparsity"] <= ROTATION_TO) & (frame["init"] == "random")].groupby("seed")["loss"].mean()
    reference = base[(base["sparsity"] <= ROTATION_TO) & (base["init"] == "random")].groupby("seed")["loss"].mean()
    moved = rotation - reference
    fitted = fit_boundary(frame, along="sparsity").set_index("estimator")
    crossing, switch = fitted.loc["crossing"], fitted.loc["switch"]
    timed = LEVERS[name][4]
    return {
        "lever": name,
        "µs a cell and step": round(pace, 1) if timed else None,
        "cost": round(pace * steps / (base_pace * base_steps), 2) if timed else None,
        "identity: loss − (1 − p)": _spread(excess),
        "rotation: loss − shipped": _spread(moved),
        "crossing": _interval(crossing),
        "switch": _interval(switch),
    }


def _spread(values: pd.Series) -> str:
    return f"{values.mean():+.4f} ± {values.sem():.4f}"


def _interval(row: pd.Series) -> str:
    return "none" if pd.isna(row["critical"]) else f"{row['critical']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levers", default=None, help="some of the levers, separated by semicolons")
    parser.add_argument("--out", default=None, help="folder of the results; default benchmarks/results")
    given = parser.parse_args()
    chosen = list(LEVERS) if given.levers is None else ["as shipped", *given.levers.split(";")]
    found: dict[str, tuple[pd.DataFrame, float, float]] = {}
    context = multiprocessing.get_context("spawn")
    with context.Pool(len(os.sched_getaffinity(0)), maxtasksperchild=1) as pool:
        for name, frame, pace, steps in pool.imap_unordered(train, chosen, chunksize=1):
            found[name] = frame, pace, steps
            print(f"{name}: {pace:.0f} µs, {steps:.0f} steps", flush=True)
    rows = [said(name, *found[name], found["as shipped"]) for name in chosen]
    notes = [
        f"d = n = {DIMENSION}, {SEEDS} seeds, both starts, p = {', '.join(map(str, SPARSITIES))}; ± is a standard error over seeds.",
        f"identity: localization above 0.9 at p ≥ {IDENTITY_FROM}; rotation: random starts at p ≤ {ROTATION_TO}, by seed.",
        "cost: time of a step × mean steps, as a share of `as shipped`; two levers run at a time, one thread each.",
    ]
    folder = given.out or report.RESULTS
    report.write("levers", "python " + " ".join(sys.argv), list(rows[0]), rows, notes, folder, ["torch", "numpy"])


if __name__ == "__main__":
    main()
