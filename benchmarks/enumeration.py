"""How long a study takes to become cells with their names and packs, beside the grids of scikit-learn, Ray Tune and Optuna.

Writes benchmarks/results/enumeration.json and enumeration.md. Rivals neither check nor name points: those of scikit-learn are
given a key here, as JSON and SHA-256. Every number comes from one run, interleaved; compare ratios, not seconds.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
from ray import tune
from ray.tune.experiment import Experiment
from ray.tune.search.basic_variant import BasicVariantGenerator
from ray.tune.search.variant_generator import generate_variants
from report import RESULTS, table, write
from sklearn.model_selection import ParameterGrid

from explorer.cells import Cell, make_packs
from explorer.study import Study

SIZES = (10_000, 100_000)
SPARSITIES, RATES, STARTS = 100, 25, ("random", "identity")
# These would take minutes at all points: they are timed at some, and said by the point.
FEW_RESOLVED, FEW_TRIALS, FEW_ASKED = 5_000, 1_000, 1_000
FIXED: dict[str, Any] = {
    "source": "sparse", "base": "rademacher", "architecture": "two_layer", "activation": "sign", "dimension": 64,
    "steps": 3000, "batch": 256, "optimizer": "adam", "learning_rate": 0.02, "schedule": "cosine", "surrogate_width": 0.2,
}  # fmt: skip
COLUMNS = ("points", "what", "timed points", "µs a point", "seconds for all", "× explorer")

Space = Mapping[str, list[Any]]
# Enumerates some points of a space; how many.
Work = Callable[[Space], int]


def space(points: int) -> Space:
    """Sparsities, rates, starts and as many seeds as make this many points."""
    seeds = points // (SPARSITIES * RATES * len(STARTS))
    return {
        "sparsity": [(i + 1) / SPARSITIES for i in range(SPARSITIES)],
        "rate": [(i + 1) / RATES for i in range(RATES)],
        "init": list(STARTS),
        "seed": list(range(seeds)),
    }


def explorer(values: Space) -> int:
    """From the text of a study to its packs."""
    study = Study(json.dumps({"name": "grid", "axes": {**FIXED, **values}}), "grid.yaml")
    packs = make_packs(study.cells, study.widths)
    assert len({cell.key for pack in packs for cell in pack.cells}) == len(study.cells)
    return len(study.cells)


def resolved_one_by_one(values: Space) -> int:
    """The definition of a cell and of its key, point by point."""
    points = itertools.islice(itertools.product(*values.values()), FEW_RESOLVED)
    return len({Cell.of(**FIXED, **dict(zip(values, point, strict=True))).key for point in points})


def parameter_grid(values: Space) -> int:
    """scikit-learn's grid, each point with a key."""
    grid = ParameterGrid({**{name: [value] for name, value in FIXED.items()}, **values})
    return len({hashlib.sha256(json.dumps(point, sort_keys=True).encode()).hexdigest() for point in grid})


def tune_variants(values: Space) -> int:
    """Ray Tune's expansion of grid_search into configurations."""
    return sum(1 for _ in generate_variants({**FIXED, **_searched(values)}))


def tune_trials(values: Space) -> int:
    """Ray Tune's trials as its default searcher hands them out, the first of them, with what it does before."""
    generator = BasicVariantGenerator()
    generator.add_configurations([Experiment("grid", _nothing, config={**FIXED, **_searched(values)})])
    return sum(generator.next_trial() is not None for _ in range(FEW_TRIALS))


def _searched(values: Space) -> dict[str, Any]:
    return {name: tune.grid_search(those) for name, those in values.items()}


def _nothing(config: Mapping[str, Any]) -> None:
    del config


def optuna_grid(values: Space) -> int:
    """Optuna's GridSampler in memory, the first trials; a trial looks at all before it, so that later ones take longer."""
    study = optuna.create_study(sampler=optuna.samplers.GridSampler(values))
    for _ in range(FEW_ASKED):
        trial = study.ask()
        for name, those in values.items():
            trial.suggest_categorical(name, those)
    return FEW_ASKED


WORKS: dict[str, Work] = {
    "explorer: study to cells, keys and packs": explorer,
    "explorer: every point resolved alone, with its key": resolved_one_by_one,
    "scikit-learn ParameterGrid, JSON and SHA-256": parameter_grid,
    "Ray Tune generate_variants": tune_variants,
    "Ray Tune BasicVariantGenerator, first trials": tune_trials,
    "Optuna GridSampler, first trials": optuna_grid,
}


def seconds_a_point(work: Work, values: Space) -> tuple[float, int]:
    """The time, and how many points it was measured on."""
    gc.collect()
    begin = time.process_time()
    points = work(values)
    return (time.process_time() - begin) / points, points


def measure(points: int, repeats: int) -> list[dict[str, Any]]:
    """A row for explorer and for every rival: medians over interleaved repeats."""
    values = space(points)
    rounds = [{what: seconds_a_point(work, values) for what, work in WORKS.items()} for _ in range(repeats)]
    medians = {what: statistics.median(times[what][0] for times in rounds) for what in WORKS}
    ours = medians[next(iter(WORKS))]
    return [
        {
            "points": points,
            "what": what,
            "timed points": rounds[0][what][1],
            "µs a point": 1e6 * median,
            "seconds for all": median * points if rounds[0][what][1] == points else None,
            "× explorer": median / ours if rounds[0][what][1] == points else None,
            "µs a point, each repeat": [1e6 * times[what][0] for times in rounds],
        }
        for what, median in medians.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="points of the grids, multiples of 5,000")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    explorer(space(5_000))  # what is imported and built once
    rows = [row for size in given.sizes for row in measure(size, given.repeats)]
    notes = [
        f"Medians of {given.repeats} interleaved repeats in one process and thread, in seconds of the processor; imports not counted.",
        "explorer reads and checks the study, names every cell by its content, sizes the packs and cuts them; the others only expand.",
        "Where fewer points were timed than there are, it is because all would take minutes. Ray Tune's trials include what precedes "
        "the first, which grows with the grid; Optuna's each look at all before them.",
    ]
    print(table(COLUMNS, rows))
    command = f"python {' '.join(sys.argv)}"
    write("enumeration", command, COLUMNS, rows, notes, given.out, ("scikit-learn", "ray", "optuna"))


if __name__ == "__main__":
    main()
