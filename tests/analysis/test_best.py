"""The best trials of a search: of any table, and of a store."""

import json
import math
import subprocess
import sys

import numpy as np
import optuna
import pandas as pd
import pytest
from typer.testing import CliRunner

from explorer.analysis.best import best_trials, regret, search_table, search_trials
from explorer.cli import app
from explorer.errors import AnalysisError, StoreError
from explorer.store import StoreWriter, open_store
from explorer.store.compact import compact
from tests.proposers.search_loops import WIDTH, begin, bowl, publish, rounds, study
from tests.store.parts import outcomes, sparse

OVER = ["rate"]


def table(**columns):
    """Two points (sparsity), three trials each (rate)."""
    return pd.DataFrame({
        "sparsity": [0.4, 0.4, 0.4, 0.6, 0.6, 0.6],
        "rate": [0.1, 0.2, 0.3, 0.1, 0.2, 0.3],
        "loss": [0.5, 0.4, 0.6, 0.3, 0.7, 0.2],
        **columns,
    })  # fmt: skip


def best(given, **options):
    return best_trials(given, OVER, ["sparsity", "rate"], **options)["best"].tolist()


def test_lowest_loss_of_each_point_is_the_best():
    assert best(table()) == [False, True, False, False, False, True]


def test_of_equal_losses_the_earlier_is_the_best():
    assert best(table(loss=[0.5, 0.4, 0.4, 0.2, 0.2, 0.2])) == [False, True, False, True, False, False]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_cells_without_a_finite_loss_are_never_the_best(bad):
    assert best(table(loss=[0.5, bad, 0.6, bad, bad, bad])) == [True, False, False, False, False, False]


@pytest.mark.parametrize("status", ["failed", "diverged"])
def test_cells_that_failed_or_diverged_are_never_the_best(status):
    statuses = ["budget", status, "converged", *[status] * 3]
    assert best(table(status=statuses)) == [True, False, False, False, False, False]


def test_missing_settings_are_a_point_of_their_own():
    given = table(width=[np.nan, np.nan, 1.0, 1.0, 1.0, 1.0])
    marked = best_trials(given, OVER, ["sparsity", "rate", "width"])["best"].tolist()
    assert marked == [False, True, True, False, False, True]


def test_cells_of_fewer_steps_are_never_the_best():
    assert best(table(steps=[9, 3, 9, 3, 3, 9]), full="steps") == [True, False, False, False, False, True]
    failed = table(steps=[9, 3, 3, 3, 3, 9], loss=[np.nan, 0.1, 0.1, 0.3, 0.3, 0.3])
    assert best(failed, full="steps") == [False] * 5 + [True]


@pytest.mark.parametrize("rows", [0, 1])
def test_small_tables_have_what_best_there_is(rows):
    assert best(table().iloc[:rows]) == [True] * rows


def test_table_that_is_given_is_left_as_it_was():
    given = table()
    best(given)
    pd.testing.assert_frame_equal(given, table())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["rat"], ["sparsity"]), 'no column "rat".*Did you mean "rate"'),
        ((OVER, ["sparsty"]), 'no column "sparsty".*Did you mean "sparsity"'),
        ((OVER, ["sparsity"], "los"), 'no column "los".*Did you mean "loss"'),
        ((OVER, ["sparsity"], "text"), 'column "text" holds'),
    ],
)
def test_bad_columns_are_refused(arguments, message):
    with pytest.raises(AnalysisError, match=message):
        best_trials(table(text=["a"] * 6), *arguments)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    where = tmp_path_factory.mktemp("search")
    rounds(study(search="budget: 7"), where)
    return where


@pytest.fixture(scope="module")
def store(place):
    return open_store(place)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    where = tmp_path_factory.mktemp("plain")
    writer = StoreWriter(str(where))
    writer.create()
    writer.publish("a", outcomes([sparse(seed, sparsity=p) for seed in range(3) for p in (0.2, 0.4)]))
    return where


def test_query_sees_the_column_best_and_every_trial(store):
    found = store.sql("SELECT count(*) AS n, sum(best::int)::int AS best FROM cells").to_pylist()
    assert found == [{"n": 28, "best": 4}]
    assert "best" in store.schema.names


def test_store_without_a_search_has_no_column_best(plain):
    assert "best" not in open_store(plain).schema.names
    with pytest.raises(StoreError, match="best"):
        open_store(plain).sql("SELECT best FROM cells")


def test_stored_best_is_that_of_the_table(store):
    everything = store.to_pandas()
    marked = best_trials(everything, list(store.searched.over), store.settings)
    assert marked["best"].tolist() == everything["best"].tolist()
    assert marked["best"].sum() == 4


def test_bests_change_as_trials_come_in(tmp_path):
    checked = study()
    writer = begin(checked, tmp_path)
    assert open_store(tmp_path).to_pandas(where="best")["cell_key"].tolist() == sorted(c.key for c in checked.cells)
    made = study(axes="learning_rate: 0.003", over=[WIDTH]).cells
    publish(writer, made, name="lower")
    assert open_store(tmp_path).to_pandas(where="best")["cell_key"].tolist() == sorted(c.key for c in made)


def test_analysis_takes_the_best_trials_unless_told(store):
    chosen = store.outcomes(("loss", "cell_key"))
    assert (
        sorted(chosen["cell_key"])
        == store.sql("SELECT cell_key FROM cells WHERE best ORDER BY 1").column(0).to_pylist()
    )
    assert chosen["learning_rate"].isna().all()
    assert len(store.outcomes(("loss",), trials="all")) == 28
    defaults = store.outcomes(("loss", "learning_rate"), trials="default")
    assert defaults["learning_rate"].tolist() == [0.02] * 4
    assert len(store.outcomes(("loss",), where="sparsity < 0.5")) == 2


def test_unknown_choice_of_trials_is_refused(store):
    with pytest.raises(StoreError, match=r'found "bets", expected one of best, default, all.*Did you mean "best"'):
        store.outcomes((), trials="bets")


def test_all_rows_are_analysed_where_there_was_no_search(plain):
    for trials in ("best", "default", "all"):
        assert len(open_store(plain).outcomes(("loss",), trials=trials)) == 6


def test_trials_are_numbered_as_they_were_proposed(store):
    found = search_trials(store)
    assert found.groupby("point")["trial"].apply(sorted).tolist() == [list(range(7))] * 4
    assert (found["trial"] == 0).tolist() == found["default"].tolist()
    of_round = {key: one.number for one in store.rounds() for key in one.keys}
    for _, group in found.groupby("point"):
        numbers = [of_round.get(key, 0) for key in group.sort_values("trial")["cell_key"]]
        assert numbers == sorted(numbers)


def test_table_says_what_the_search_gained(store):
    found = search_table(search_trials(store), list(store.searched.over), store.settings)
    assert found["sparsity"].tolist() == [0.4, 0.6]
    assert found["seeds"].tolist() == [2, 2]
    assert found["trials"].tolist() == [7, 7]
    defaults = [np.mean([bowl(c) for c in study().cells if c.settings["sparsity"] == p]) for p in (0.4, 0.6)]
    np.testing.assert_allclose(found["default_loss"], defaults)
    np.testing.assert_allclose(found["gain"], found["default_loss"] - found["best_loss"])
    assert (found["gain"] > 0).all()
    assert found["learning_rate"].between(1e-3, 0.1).all()


def test_regret_falls_to_zero_and_has_an_error_over_seeds(store):
    found = regret(search_trials(store))
    assert found["trial"].tolist() == list(range(7))
    assert (found["regret"].diff().dropna() <= 0).all()
    assert found["regret"].iloc[0] > 0
    assert found["regret"].iloc[-1] == 0
    assert (found["seeds"] == 2).all()
    trials = search_trials(store)
    per_seed = [
        np.mean([g[g["default"]]["loss"].iloc[0] - g["loss"].min() for _, g in mine.groupby("point")])
        for _, mine in trials.groupby("seed")
    ]
    assert found["se"].iloc[0] == pytest.approx(np.std(per_seed, ddof=1) / 2**0.5)
    assert found["regret"].iloc[0] == pytest.approx(np.mean(per_seed))


def test_search_of_one_seed_has_no_errors(tmp_path):
    rounds(study(search="budget: 4", seed="0"), tmp_path)
    trials = search_trials(open_store(tmp_path))
    assert regret(trials)["se"].isna().all()
    assert search_table(trials, ["learning_rate", "surrogate_width"], ["sparsity", "seed"])["gain_se"].isna().all()


def test_point_whose_default_failed_has_a_best_and_no_gain(tmp_path):
    rounds(
        study(search="budget: 4", sparsity="0.5"),
        tmp_path,
        lambda cell: None if cell.settings["learning_rate"] == 0.02 else bowl(cell),
    )
    trials = search_trials(open_store(tmp_path))
    [row] = search_table(trials, ["learning_rate", "surrogate_width"], ["sparsity", "seed"]).to_dict("records")
    assert math.isfinite(row["best_loss"])
    assert math.isnan(row["default_loss"])
    assert math.isnan(row["gain"])
    assert math.isnan(regret(trials)["regret"].iloc[0])


def test_search_in_which_all_diverged_has_no_best(tmp_path):
    rounds(study(search="budget: 3", sparsity="0.5"), tmp_path, lambda cell: math.nan)
    trials = search_trials(open_store(tmp_path))
    assert not trials["best"].any()
    assert regret(trials).empty
    assert search_table(trials, ["learning_rate"], ["sparsity", "seed"])["best_loss"].isna().all()


def test_names_count_by_their_frequency(tmp_path):
    checked = study(["tied: [false, true]", "refit: [false]"], search="budget: 2", sparsity="0.5", seed="{count: 3}")
    rounds(checked, tmp_path, lambda cell: float(not cell.settings["tied"]))
    [row] = search_table(search_trials(open_store(tmp_path)), ["tied"], ["sparsity"]).to_dict("records")
    assert row["tied"] is True or row["tied"] == np.True_


def test_store_without_a_search_is_refused(plain):
    with pytest.raises(AnalysisError, match="no search was run"):
        search_trials(open_store(plain))


def run(*arguments):
    found = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return found.exit_code, found.stdout, found.stderr


def test_command_gives_a_row_per_point(place):
    code, out, _ = run("search", place, "--format", "json")
    assert code == 0
    rows = json.loads(out)
    assert [row["sparsity"] for row in rows] == [0.4, 0.6]
    assert {"trials", "best_loss", "default_loss", "gain", "learning_rate", "surrogate_width"} <= rows[0].keys()


def test_command_gives_regret_and_importances(place):
    assert len(json.loads(run("search", place, "--regret", "--format", "json")[1])) == 7
    rows = json.loads(run("search", place, "--importances", "--format", "json")[1])
    assert {row["setting"] for row in rows} == {"learning_rate", "surrogate_width"}
    assert sum(row["importance"] for row in rows) == pytest.approx(1)
    assert {row["seeds"] for row in rows} == {2}


def test_setting_that_decides_is_the_important_one(tmp_path):
    rounds(
        study(search="budget: 20, sampler: random", sparsity="0.5"),
        tmp_path,
        lambda cell: cell.settings["surrogate_width"],
    )
    rows = json.loads(run("search", tmp_path, "--importances", "--format", "json")[1])
    assert rows[0]["setting"] == "surrogate_width"
    assert rows[0]["importance"] > 0.8


def test_exported_studies_hold_every_trial(place, tmp_path):
    url = f"sqlite:///{tmp_path}/search.db"
    for chosen, count in (("seed = 0", 2), ("true", 4)):  # the second replaces the first
        code, out, said = run("search", place, "--optuna", url, "--where", chosen)
        assert (code, out) == (0, "")
        assert f"wrote {count} studies" in said
    names = optuna.get_all_study_names(url)
    assert sorted(names) == sorted(f"seed={s}, sparsity={p}" for s in (0, 1) for p in (0.4, 0.6))
    stored = open_store(place).to_pandas()
    for name in names:
        loaded = optuna.load_study(study_name=name, storage=url)
        assert loaded.direction == optuna.study.StudyDirection.MINIMIZE
        assert len(loaded.trials) == 7
        best_row = stored[stored["cell_key"] == loaded.best_trial.user_attrs["cell_key"]].iloc[0]
        assert best_row["best"]
        assert loaded.best_value == best_row["loss"]
        assert loaded.best_params["learning_rate"] == best_row["learning_rate"]
        space = loaded.best_trial.distributions["learning_rate"]
        assert (space.low, space.high, space.log) == (1e-3, 0.1, True)
        assert [trial.user_attrs["default"] for trial in loaded.trials] == [True] + [False] * 6


def test_export_tells_pruned_failed_and_diverged_trials_apart(tmp_path):
    def loss(cell):
        return math.nan if cell.settings["learning_rate"] > 0.03 else bowl(cell)

    rounds(study(search="budget: 12, pruner: median", sparsity="0.5", seed="0"), tmp_path / "store", loss)
    url = f"sqlite:///{tmp_path}/search.db"
    assert run("search", tmp_path / "store", "--optuna", url)[0] == 0
    [name] = optuna.get_all_study_names(url)
    loaded = optuna.load_study(study_name=name, storage=url)
    states = {trial.state.name for trial in loaded.trials}
    assert len(loaded.trials) == 12
    assert states == {"COMPLETE", "PRUNED", "FAIL"}
    for trial in loaded.trials:
        assert (trial.state.name == "FAIL") == (trial.user_attrs["status"] == "diverged")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--regret", "--importances"], "expected one of them"),
        (["--optuna", "nowhere://file"], "cannot open"),
        (["--where", "sparsity > 9"], "no cells where sparsity > 9"),
        (["--format", "jsn"], 'Did you mean "json"'),
    ],
)
def test_command_refuses_in_one_message(place, options, message):
    code, out, said = run("search", place, *options)
    assert (code, out) == (2, "")
    assert message in said
    assert said.startswith("error: ")


def test_command_refuses_a_store_without_a_search(plain):
    code, _, said = run("search", plain)
    assert code == 2
    assert "no search was run" in said


def test_command_loads_neither_torch_nor_ray(place):
    program = (
        "import sys\nfrom typer.testing import CliRunner\nfrom explorer.cli import app\n"
        f"for more in ([], ['--importances']):\n"
        f"    assert CliRunner().invoke(app, ['search', {str(place)!r}, *more]).exit_code == 0\n"
        "assert 'optuna' in sys.modules\nassert not {'torch', 'ray'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_merged_store_has_the_same_best_trials(tmp_path):
    rounds(study(search="budget: 4"), tmp_path)
    before = open_store(tmp_path).to_pandas(["cell_key", "best"])
    compact(str(tmp_path), 0.0)
    pd.testing.assert_frame_equal(open_store(tmp_path).to_pandas(["cell_key", "best"]), before)


def test_boundary_takes_the_best_trials_or_those_it_is_told(tmp_path):
    checked = study(sparsity="{from: 0.3, to: 0.9, count: 7}", search="budget: 3")
    writer = begin(checked, tmp_path)
    store = open_store(tmp_path)
    assert (
        json.loads(run("boundary", tmp_path, "--along", "sparsity", "--estimator", "switch", "--format", "json")[1])[0][
            "seeds"
        ]
        == 2
    )
    more = [c for cells in rounds(checked, tmp_path / "b") for c in cells]
    publish(writer, more, name="more")
    counts = {}
    for trials in ("best", "default", "all"):
        _, out, said = run(
            "boundary", tmp_path, "--along", "sparsity", "--estimator", "switch", "--trials", trials, "--format", "json"
        )
        counts[trials] = len(json.loads(out))
        assert f"{trials} trials of the search over learning_rate, surrogate_width" in said
    assert counts["best"] == counts["default"] == 1
    assert counts["all"] > 1
    assert run("boundary", tmp_path, "--along", "sparsity", "--trials", "bets")[0] == 2
    assert store.searched.over.keys() == {"learning_rate", "surrogate_width"}
