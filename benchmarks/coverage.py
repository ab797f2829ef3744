"""How often the nominal 95 % intervals of `switch` and `crossing` hold the truth: few seeds, several noises, missing cells.

Each row simulates tables with a known boundary: 13 values of p from 0.3 to 0.9, one localization (switch) or two losses (crossing) for
each seed. The truth of the crossing is 2/π; that of a switch is the location of the logistic nearest to the mean of 20,000 seeds on
the same points, because a mean of logistics is none. With missing cells, 30 % of the (p, seed) are drawn out of each table.
The standard error of a coverage of 95 % from 400 tables is 1.1 %.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
import zlib
from collections.abc import Callable

import numpy as np
import pandas as pd
import report
from numpy.typing import NDArray
from scipy.special import expit

from explorer.analysis.boundary import Problem, estimators
from explorer.analysis.boundary.logistic import fit

Array = NDArray[np.float64]
DIMENSION = 64
HAAR = 3 / (DIMENSION + 2)
POINTS = np.linspace(0.3, 0.9, 13)
CROSSING = 2 / np.pi
SEEDS = (3, 4, 5, 8, 16)
MISSING = 0.3
MANY = 20_000
FAR = 1000.0


def rises(locations: Array, scale: float) -> Array:
    """Logistic curves from the Haar value to 1, (seed, point)."""
    return HAAR + (1 - HAAR) * expit((POINTS - locations[:, None]) / scale)


def own_location(seeds: int, draw: np.random.Generator) -> Array:
    return rises(0.6 + 0.03 * draw.standard_normal(seeds), 0.02)


def sharp(seeds: int, draw: np.random.Generator) -> Array:
    return rises(0.6 + 0.05 * draw.standard_normal(seeds), 0.002)


def late(seeds: int, draw: np.random.Generator) -> Array:
    return rises(0.55 + 0.05 * draw.exponential(size=seeds), 0.02)


def cell_noise(seeds: int, draw: np.random.Generator) -> Array:
    return rises(np.full(seeds, 0.6), 0.03) + 0.05 * draw.standard_normal((seeds, len(POINTS)))


def heavy_tails(seeds: int, draw: np.random.Generator) -> Array:
    return rises(np.full(seeds, 0.6), 0.03) + 0.05 * draw.standard_t(3, (seeds, len(POINTS)))


def far_off(seeds: int, draw: np.random.Generator) -> Array:
    values = own_location(seeds, draw)
    return np.where(draw.random(values.shape) < 0.01, FAR, values)


SWITCHES: dict[str, tuple[Callable[[int, np.random.Generator], Array], Callable[[int, np.random.Generator], Array]]] = {
    "each seed its own location": (own_location, own_location),
    "the same, jumps": (sharp, sharp),
    "the same, skewed": (late, late),
    "normal, each cell": (cell_noise, cell_noise),
    "Student t_3, each cell": (heavy_tails, heavy_tails),
    "1 % of cells at 1000": (far_off, own_location),
}


def straight(noise: Callable[[int, np.random.Generator], Array]) -> Callable[[int, np.random.Generator], Array]:
    """Losses (branch, seed, point): a flat rotation branch and the identity branch 1 - p, with this noise for each branch."""
    means = np.stack([np.full(len(POINTS), 1 - CROSSING), 1 - POINTS])[:, None]
    return lambda seeds, draw: means + np.stack([noise(seeds, draw), noise(seeds, draw)])


def rotation_lost(losses: Array) -> Array:
    """Without the rotation branch above p = 0.45, so that it is extrapolated."""
    return np.where((np.arange(2) == 0)[:, None, None] & (POINTS > 0.451), np.nan, losses)


def wide(seeds: int) -> tuple[int, int]:
    return seeds, len(POINTS)


CROSSINGS: dict[str, Callable[[int, np.random.Generator], Array]] = {
    "normal, each cell": straight(lambda s, draw: 0.004 * draw.standard_normal(wide(s))),
    "normal, each seed": straight(lambda s, draw: 0.004 * draw.standard_normal((s, 1)) + np.zeros(len(POINTS))),
    "exponential, each seed": straight(lambda s, draw: 0.004 * (draw.exponential(size=(s, 1)) - 1) + np.zeros(13)),
    "Student t_3, each cell": straight(lambda s, draw: 0.003 * draw.standard_t(3, wide(s))),
    "1 % of cells at 1000": lambda s, draw: np.where(
        draw.random((2, *wide(s))) < 0.01, FAR, CROSSINGS["normal, each cell"](s, draw)
    ),
    "normal, each cell; extrapolated": lambda s, draw: rotation_lost(CROSSINGS["normal, each cell"](s, draw)),
}


# The noises that are also measured without missing cells.
WHOLE = ("each seed its own location", "the same, jumps", "normal, each cell", "normal, each cell; extrapolated")


@functools.cache
def truth(name: str) -> float:
    found = fit(POINTS, SWITCHES[name][1](MANY, np.random.default_rng(0)).mean(axis=0))
    assert found is not None
    return float(found[2])


def frame(values: Array, missing: float, draw: np.random.Generator, **columns: str) -> pd.DataFrame:
    """Long form of (seed, point), or (branch, seed, point), without a share of the (seed, point)."""
    kept = draw.random(values.shape[-2:]) >= missing
    present = np.isfinite(values) & kept
    *branch, seed, point = np.nonzero(present)
    found = {"sparsity": POINTS[point], "seed": seed, "dimension": DIMENSION}
    if branch:
        found |= {"loss": values[present], "localization": np.where(branch[0] == 0, HAAR, 0.99)}
        found |= {"init": np.where(branch[0] == 0, "random", "identity")}
    else:
        found |= {"localization": values[present], "loss": 0.4, "init": "random"}
    return pd.DataFrame(found)


def measure(estimator: str, name: str, seeds: int, missing: float, repetitions: int) -> dict:
    draw = np.random.default_rng([zlib.crc32(f"{estimator} {name}".encode()), seeds, int(100 * missing)])
    there = CROSSING if estimator == "crossing" else truth(name)
    values = CROSSINGS[name] if estimator == "crossing" else SWITCHES[name][0]
    found = []
    for _ in range(repetitions):
        table = frame(values(seeds, draw), missing, draw)
        answer = estimators[estimator](Problem(table, "sparsity"))
        if answer.critical is not None and answer.low is not None and answer.high is not None:
            found.append((answer.critical, answer.low, answer.high))
    critical, low, high = np.array(found).T if found else np.full((3, 1), np.nan)
    return {
        "estimator": estimator,
        "noise": name,
        "seeds": seeds,
        "missing": missing,
        "answered": round(len(found) / repetitions, 3),
        "coverage": round(float(np.mean((low <= there) & (there <= high))), 3),
        "too low": round(float(np.mean(high < there)), 3),
        "too high": round(float(np.mean(low > there)), 3),
        "bias": round(float(np.mean(critical) - there), 5),
        "sd": round(float(np.std(critical)), 5),
        "median width": round(float(np.median(high - low)), 5),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=400)
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="numbers of seeds, separated by commas")
    parser.add_argument("--out", default=None, help="folder of the results; default benchmarks/results")
    given = parser.parse_args()
    begin, busy = time.perf_counter(), time.process_time()
    rows = []
    for estimator, names in (("switch", SWITCHES), ("crossing", CROSSINGS)):
        for name in names:
            for missing in (0.0, MISSING) if name in WHOLE else (MISSING,):
                for seeds in map(int, given.seeds.split(",")):
                    rows.append(measure(estimator, name, seeds, missing, given.repetitions))
                print(f"{estimator}, {name}, missing {missing:g}: {time.perf_counter() - begin:.0f} s", file=sys.stderr)
    notes = [
        f"{given.repetitions} tables a row; answered: share of tables with a boundary and an interval; coverage among those.",
        "too low, too high: share of intervals that end below the truth, and that begin above it.",
    ]
    spent = f"{time.process_time() - busy:.0f} s of one core, {time.perf_counter() - begin:.0f} s by the clock."
    command = "python " + " ".join(sys.argv)
    report.write(
        "coverage",
        command,
        list(rows[0]),
        rows,
        [*notes, spent],
        given.out or report.RESULTS,
        ["numpy", "scipy", "pandas"],
    )
    print(report.table(list(rows[0]), rows))


if __name__ == "__main__":
    main()
