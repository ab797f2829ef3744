"""Outcomes where Optuna and Ray Tune keep them, and the two questions of benchmarks/store.py asked of them, one process each.

python benchmarks/store_rivals.py optuna|tune query|status PLACE
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FILTERED = {"init": "random", "dimension": 64}


def write_optuna(place: Path, rows: Iterable[Mapping[str, Any]], settings: Iterable[str]) -> None:
    """One finished trial a row, in SQLite: settings as parameters, the loss as its value, the rest as user attributes."""
    import optuna
    from optuna.distributions import CategoricalDistribution
    from optuna.trial import create_trial

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows, names = list(rows), set(settings)
    domains = {name: CategoricalDistribution(sorted({row[name] for row in rows}, key=str)) for name in names}
    study = optuna.create_study(study_name="large", storage=f"sqlite:///{place}", direction="minimize")
    study.add_trials([
        create_trial(params={n: row[n] for n in names}, distributions=domains, value=row["loss"],
                     user_attrs={n: v for n, v in row.items() if n not in names and n != "loss"})
        for row in rows
    ])  # fmt: skip


def write_tune(place: Path, rows: Iterable[Mapping[str, Any]], settings: Iterable[str]) -> None:
    """A folder a trial with Tune's own files: params.json, and result.json with one reported result."""
    names = list(settings)
    for number, row in enumerate(rows):
        folder = place / f"train_{number:05d}"
        folder.mkdir(parents=True)
        config = {name: row[name] for name in names}
        (folder / "params.json").write_text(json.dumps(config))
        result = {
            **{n: v for n, v in row.items() if n not in names},
            "config": config,
            "training_iteration": 1,
            "done": True,
        }
        (folder / "result.json").write_text(json.dumps(result) + "\n")


def read_optuna(place: Path) -> Any:
    """Every trial, as Optuna gives them."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    table = optuna.load_study(study_name="large", storage=f"sqlite:///{place}").trials_dataframe()
    return table.rename(columns=lambda name: name.removeprefix("params_").removeprefix("user_attrs_")).rename(
        columns={"value": "loss"}
    )


def read_tune(place: Path) -> Any:
    """The last result of every trial."""
    import pandas as pd

    rows = []
    for path in sorted(place.glob("*/result.json")):
        result = json.loads(path.read_text().splitlines()[-1])
        rows.append({**result, **result.pop("config")})
    return pd.DataFrame(rows)


def main() -> None:
    system, question, place = sys.argv[1:]
    table = {"optuna": read_optuna, "tune": read_tune}[system](Path(place))
    if question == "query":
        chosen = table[(table["init"] == FILTERED["init"]) & (table["dimension"] == FILTERED["dimension"])]
        print(chosen.groupby("rate")["loss"].mean().to_string())
    else:
        print(table.groupby("status").size().to_string())


if __name__ == "__main__":
    main()
