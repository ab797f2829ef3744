"""How many trials a boundary takes: explorer's proposers beside a uniform grid, Sobol points and adaptive's LearnerND.

Synthetic diagrams of two axes, whose boundary is known: an order parameter that is a logistic in the signed distance to the boundary,
with seed noise that grows near it. Every rival's outcomes go to the same estimator. Writes
benchmarks/results/time_to_boundary.json and time_to_boundary.md.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from report import RESULTS, table, write
from scipy.spatial import KDTree

from explorer.analysis.gaussian_process import Field, variance_of_means
from explorer.proposers.base import Ask, Domain, Observed, Proposer, proposers
from explorer.proposers.refinement import SHARE_PER_ROUND, SMALLEST_ROUND

Array = NDArray[np.float64]
# Signed distance to the boundary at points (point, axis), positive in the upper phase.
Signed = Callable[[Array], Array]

SEEDS = 2  # a point
WIDTH = 0.02  # of the logistic
NOISE, NEAR_NOISE = 0.01, 0.15  # standard deviation over seeds, far from the boundary and added at it
THRESHOLD = 0.5
ISLAND = 0.07
TOLERANCE = 0.002
DOMAIN = Domain(np.zeros(2), np.ones(2), np.full(2, 0.002), (False, False))
FINE = 101
GRIDS = (5, 7, 9, 10, 13, 14, 20, 32, 38)
CHECKED = (80, 160, 240, 320, 400)
REPEATS, ISLANDS = 10, 200
FARTHEST = 0.5  # what a boundary that was not found counts as
COLUMNS = ("diagram", "rival", "trials", "error", "worst", "found", "grid_error", "share_of_grid", "round_seconds")


def straight(points: Array) -> Array:
    """A straight line, slightly tilted."""
    return (points[:, 0] - 0.43 - 0.1 * points[:, 1]) / np.hypot(1, 0.1)


def curved(points: Array) -> Array:
    """A quarter of a circle."""
    return np.hypot(points[:, 0], points[:, 1]) - 0.63


def wavy(points: Array) -> Array:
    """A sine; the distance is that along the first axis over the slope, which is near the true one."""
    wave, slope = np.sin(4 * np.pi * points[:, 1]), np.cos(4 * np.pi * points[:, 1])
    return (points[:, 0] - 0.5 - 0.12 * wave) / np.hypot(1, 0.12 * 4 * np.pi * slope)


def island(points: Array, centre: Sequence[float] = (0.5, 0.5)) -> Array:
    """A disk of the upper phase."""
    return ISLAND - np.hypot(points[:, 0] - centre[0], points[:, 1] - centre[1])


def flat(points: Array) -> Array:
    """No boundary."""
    return np.full(len(points), -1.0)


DIAGRAMS: Mapping[str, Signed] = {"straight": straight, "curved": curved, "wavy": wavy, "island": island, "flat": flat}


def diagram(name: str, repeat: int) -> Signed:
    """The diagram of a repeat: islands lie elsewhere in each, wholly inside."""
    if name != "island":
        return DIAGRAMS[name]
    centre = np.random.default_rng([7, repeat]).uniform(ISLAND, 1 - ISLAND, 2)
    return lambda points: island(points, tuple(centre))


def outcomes(signed: Signed, points: Array, generator: np.random.Generator) -> Array:
    """The order parameter of one trial at each point."""
    up = 1 / (1 + np.exp(-signed(points) / WIDTH))
    return up + (NOISE + NEAR_NOISE * 4 * up * (1 - up)) * generator.standard_normal(len(points))


def level_curve(mean: Array) -> Array:
    """Where a field on the fine lattice passes the threshold, (point, axis), by straight lines between neighbours."""
    line = np.linspace(0, 1, FINE)
    above = mean.reshape(FINE, FINE) - THRESHOLD
    found = []
    for values, axes in ((above, [0, 1]), (above.T, [1, 0])):
        i, j = np.nonzero((values[1:] > 0) != (values[:-1] > 0))
        moved = line[i] + values[i, j] / (values[i, j] - values[i + 1, j]) * (line[1] - line[0])
        found.append(np.stack([moved, line[j]], axis=1)[:, axes])
    return np.concatenate(found)


def fine() -> Array:
    """The lattice on which curves are compared."""
    line = np.linspace(0, 1, FINE)
    return np.stack([each.ravel() for each in np.meshgrid(line, line, indexing="ij")], axis=1)


def estimated(points: Array, values: Array) -> Array:
    """The level curve of a Gaussian process through the seed means."""
    places, which = np.unique(points, axis=0, return_inverse=True)
    which = which.ravel()
    counts = np.bincount(which)
    means = np.bincount(which, weights=values) / counts
    squares = np.bincount(which, weights=(values - means[which]) ** 2)
    variances = variance_of_means(places, counts, squares / np.maximum(counts - 1, 1))
    field = Field.fit(places, means, variances, (0, 0), (1, 1), level=THRESHOLD)
    return level_curve(np.concatenate([field.predict(part)[0] for part in np.array_split(fine(), 8)]))


def distance(signed: Signed, points: Array, values: Array) -> float:
    """Mean distance between the true and the estimated curve, averaged over both directions."""
    truth = level_curve(1 / (1 + np.exp(-signed(fine()) / WIDTH)))
    found = estimated(points, values)
    if not len(truth) or not len(found):
        return 0.0 if len(truth) == len(found) else FARTHEST
    there, back = KDTree(found).query(truth)[0], KDTree(truth).query(found)[0]
    return float((np.minimum(there, FARTHEST).mean() + back.mean()) / 2)


Trials = tuple[Array, Array]


def proposed(
    proposer: Proposer, signed: Signed, repeat: int, budget: int, pack: int, seconds: list[float]
) -> Iterator[Trials]:
    """All outcomes after every pack of a proposer, until the budget is spent or it has nothing more to do."""
    generator = np.random.default_rng([1, repeat])
    points, seeds, values = np.empty((0, 2)), np.empty(0, dtype=np.int64), np.empty(0)
    while len(values) < budget:
        begin = time.perf_counter()
        ask = Ask(min(pack, budget - len(values)), TOLERANCE, seeds_per_point=SEEDS, seed=repeat)
        found = proposer(Observed(points, seeds, values), DOMAIN, ask)
        seconds.append(time.perf_counter() - begin)
        if not len(found.seeds):
            return
        points, seeds = np.concatenate([points, found.points]), np.concatenate([seeds, found.seeds])
        values = np.concatenate([values, outcomes(signed, found.points, generator)])
        yield points, values


def gridded(signed: Signed, repeat: int, values: int) -> Trials:
    """A uniform grid of this many values an axis."""
    line = np.linspace(0, 1, values)
    points = np.repeat(np.stack([each.ravel() for each in np.meshgrid(line, line)], axis=1), SEEDS, axis=0)
    return points, outcomes(signed, points, np.random.default_rng([1, repeat]))


def sobol(signed: Signed, repeat: int, trials: int) -> Trials:
    """The first points of a scrambled Sobol sequence."""
    none = Observed(np.empty((0, 2)), np.empty(0, dtype=np.int64), np.empty(0))
    points = proposers["sobol"](none, DOMAIN, Ask(trials, TOLERANCE, seeds_per_point=SEEDS, seed=repeat)).points
    return points, outcomes(signed, points, np.random.default_rng([1, repeat]))


def learner(signed: Signed, repeat: int, trials: int) -> Trials:
    """adaptive's LearnerND with its default loss, told the seed mean of one point after another."""
    if find_spec("adaptive") is None:
        raise SystemExit(
            "adaptive is not installed: pip install -c constraints.txt adaptive, or give --without-adaptive."
        )
    from adaptive import LearnerND

    generator = np.random.default_rng([1, repeat])
    asked = LearnerND(lambda xy: 0.0, bounds=[(0, 1), (0, 1)])
    points, values = np.empty((0, 2)), np.empty(0)
    while len(values) < trials:
        (point,), _ = asked.ask(1)
        new = np.repeat([point], SEEDS, axis=0)
        found = outcomes(signed, new, generator)
        asked.tell(point, float(found.mean()))
        points, values = np.concatenate([points, new]), np.concatenate([values, found])
    return points, values


def batch_of(budget: int) -> int:
    """The trials of a round, as the engine takes them of this budget with `batch: auto`."""
    return max(SMALLEST_ROUND, int(SHARE_PER_ROUND * budget))


def runs(
    rival: str, signed: Signed, repeat: int, checked: Sequence[int], grids: Sequence[int], seconds: list[float]
) -> Iterator[Trials]:
    """What a rival has at each number of trials that is looked at; a proposer has a run of its own for each."""
    if rival == "uniform grid":
        yield from (gridded(signed, repeat, values) for values in grids)
    elif rival in ("Sobol", "adaptive LearnerND"):
        points, values = (sobol if rival == "Sobol" else learner)(signed, repeat, max(checked))
        yield from ((points[:trials], values[:trials]) for trials in checked)
    else:
        for budget in checked:
            yield list(proposed(proposers[rival], signed, repeat, budget, batch_of(budget), seconds))[-1]


def measured(
    name: str, rivals: Sequence[str], repeats: int, checked: Sequence[int], grids: Sequence[int]
) -> list[dict[str, Any]]:
    """A row for every rival and number of trials on one diagram."""
    rows: list[dict[str, Any]] = []
    for rival in rivals:
        seconds: list[float] = []
        errors: dict[int, list[float]] = {}
        for repeat in range(repeats):
            signed = diagram(name, repeat)
            for points, values in runs(rival, signed, repeat, checked, grids, seconds):
                errors.setdefault(len(values), []).append(distance(signed, points, values))
        for trials, each in sorted(errors.items()):
            rows.append({
                "diagram": name, "rival": rival, "trials": trials, "error": statistics.mean(each), "worst": max(each),
                "found": sum(error < FARTHEST for error in each) / len(each), "runs": len(each), "errors": each,
                "round_seconds": statistics.median(seconds) if seconds else None,
            })  # fmt: skip
            print(table(COLUMNS[:6], rows[-1:]).splitlines()[-1], flush=True)
    return rows


def beside_grid(rows: list[dict[str, Any]]) -> None:
    """Add the uniform grid's error at the same number of trials, and the share of its trials at the same error.

    Both by straight lines in logarithms between the grids; the grid's error is taken as the least so far. Where no grid was as good
    the share is that of the largest, which is too large.
    """
    for name in dict.fromkeys(row["diagram"] for row in rows):
        here = [row for row in rows if row["diagram"] == name]
        grid = sorted((row["trials"], row["error"]) for row in here if row["rival"] == "uniform grid")
        if len(grid) < 2 or grid[-1][1] == 0:
            continue
        trials = np.log([trials for trials, _ in grid])
        errors = np.log(np.minimum.accumulate([max(error, 1e-9) for _, error in grid]))
        for row in here:
            if row["rival"] == "uniform grid":
                continue
            row["grid_error"] = float(np.exp(np.interp(np.log(row["trials"]), trials, errors)))
            equal = float(np.exp(np.interp(-np.log(max(row["error"], 1e-9)), -errors, trials)))
            row["share_of_grid"] = row["trials"] / equal


def islands(count: int, budget: int) -> list[dict[str, Any]]:
    """After how many trials an outcome of `boundary` lies inside an island, for islands anywhere; missing beyond the budget."""
    found: list[int | None] = []
    for repeat in range(count):
        signed = diagram("island", 1000 + repeat)
        after = None
        for points, _ in proposed(proposers["boundary"], signed, repeat, budget, batch_of(budget), []):
            if (signed(points) > 0).any():
                after = len(points)
                break
        found.append(after)
    hit = sorted(after for after in found if after is not None)
    return [{
        "diagram": f"island of radius {ISLAND}", "rival": "boundary", "trials": budget, "found": len(hit) / count, "runs": count,
        "median_trials": statistics.median(hit) if hit else None, "most_trials": hit[-1] if hit else None,
    }]  # fmt: skip


def verdicts(rows: Sequence[Mapping[str, Any]], hunted: Mapping[str, Any]) -> list[str]:
    """What the goals come to."""
    ours = [row for row in rows if row["rival"] == "boundary" and row.get("grid_error") is not None]
    said = []
    for name in dict.fromkeys(row["diagram"] for row in ours):
        last = max((row for row in ours if row["diagram"] == name), key=lambda row: row["trials"])
        worse = [row["trials"] for row in ours if row["diagram"] == name and row["error"] > row["grid_error"]]
        equal, share = last["trials"] / last["share_of_grid"], last["share_of_grid"]
        said.append(
            f"{name}: `boundary` at {last['trials']} trials is as accurate as a uniform grid at {equal:.0f} ({share:.0%} of its "
            f"trials; goal: at most 20 %); worse than the grid at equal trials: {', '.join(map(str, worse)) or 'never'} (goal: never)."
        )
    share, within = hunted["found"], f"{hunted['runs']} within {hunted['trials']} trials"
    said.append(
        f"Islands of radius {ISLAND}: `boundary` put a trial inside {share:.1%} of {within} (goal: at least 99 %); "
        f"median {hunted['median_trials']}, at most {hunted['most_trials']}."
    )
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one small repeat of two diagrams: that it runs")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--without-adaptive", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    rivals = [
        "uniform grid",
        "boundary",
        "straddle",
        "Sobol",
        *([] if given.without_adaptive else ["adaptive LearnerND"]),
    ]
    names, checked, grids = (
        (("straight", "flat"), (40, 80), (5, 7)) if given.quick else (tuple(DIAGRAMS), CHECKED, GRIDS)
    )
    repeats = 1 if given.quick else given.repeats
    rows = [row for name in names for row in measured(name, rivals, repeats, checked, grids)]
    beside_grid(rows)
    hunted = islands(2 if given.quick else ISLANDS, max(checked))
    rows += hunted
    notes = [
        *verdicts(rows, hunted[0]),
        f"Order parameter: a logistic of width {WIDTH} in the signed distance, seed noise {NOISE} plus {NEAR_NOISE} at the boundary; "
        f"{SEEDS} seeds a point, "
        f"rounds of an eighth of the budget, at least {SMALLEST_ROUND} trials, {repeats} "
        f"repeats. Unit box, snapped to steps of {DOMAIN.resolution[0]:g}.",
        f"error: mean distance between true and estimated curve, both ways averaged, {FARTHEST} where none was found; one "
        "estimator, a Gaussian process, for all. worst: over repeats. found: share of runs with a curve; for flat: with none.",
        "grid_error: of a uniform grid at as many trials; share_of_grid: trials over those of a uniform grid as accurate; both "
        f"interpolated between grids; better than the largest grid, of {SEEDS * max(grids) ** 2} trials: compared with that.",
        "LearnerND is told every point before it names the next; proposers name a whole round, as an engine trains them.",
        "round_seconds: median wall time of one proposal on one core.",
    ]
    print(table(COLUMNS, rows))
    packages = ("numpy", "scipy", "scikit-learn", "adaptive")
    write("time_to_boundary", f"python {' '.join(sys.argv)}", COLUMNS, rows, notes, given.out, packages)


if __name__ == "__main__":
    main()
