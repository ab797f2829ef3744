"""What a search proposes, with outcomes that are a function of the settings."""

import math

import pytest

from explorer.cells import Cell
from explorer.errors import StudyError
from explorer.proposers.search import HyperparameterSearch
from explorer.store import open_store, study_name
from explorer.study import Study
from tests.proposers.search_loops import LEARNING_RATE, WIDTH, begin, bowl, publish, rounds, study, text

SAMPLERS = ("tpe", "gp", "cmaes", "qmc", "random")


def propose(checked, place):
    return HyperparameterSearch(checked).propose(open_store(place)).cells


def keys(cells):
    return [cell.key for cell in cells]


def point(settings, over=("learning_rate", "surrogate_width")):
    return tuple(sorted((name, value) for name, value in settings.items() if name not in over))


def per_point(checked, made, **options):
    """How many cells there are of each grid point."""
    counts = dict.fromkeys((point(cell.settings, **options) for cell in checked.cells), 1)
    for cells in made:
        for cell in cells:
            counts[point(cell.settings, **options)] += 1
    return list(counts.values())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_point_gets_its_budget_and_a_lower_loss_than_the_defaults(tmp_path, sampler):
    checked = study(search=f"budget: 13, batch: 5, sampler: {sampler}", seed="0")
    made = rounds(checked, tmp_path)
    assert per_point(checked, made) == [13] * 2
    assert [len(cells) for cells in made] == [10, 10, 4]
    everything = [cell for cells in made for cell in cells]
    assert len({cell.key for cell in (*checked.cells, *everything)}) == 26
    for default in checked.cells:
        mine = [bowl(cell) for cell in everything if point(cell.settings) == point(default.settings)]
        assert min(mine) < bowl(default) - 0.1


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_dropped_round_is_proposed_again_cell_for_cell(tmp_path, sampler):
    checked = study(search=f"budget: 7, batch: 3, sampler: {sampler}", sparsity="0.5")
    whole = rounds(checked, tmp_path / "whole")
    assert len(whole) == 2
    for stopped in range(len(whole)):
        writer = begin(checked, tmp_path / f"{stopped}")
        for number, cells in enumerate(whole[:stopped]):
            writer.keep_round(study_name(checked.text), "search", number + 1, cells)
            publish(writer, cells, name=f"round{number + 1}")
        writer.keep_round(study_name(checked.text), "search", stopped + 1, whole[stopped])
        assert keys(propose(checked, tmp_path / f"{stopped}")) == keys(whole[stopped])


def test_search_seed_changes_what_is_proposed(tmp_path):
    first, second = (study(search=f"budget: 5, seed: {seed}") for seed in (0, 1))
    begin(first, tmp_path)
    assert not {*keys(propose(first, tmp_path))} & {*keys(propose(second, tmp_path))}


def test_grid_cell_is_asked_for_before_anything_else(tmp_path):
    checked = study()
    writer = begin(checked, tmp_path)
    publish(writer, [], name="nothing")
    more = study(seed="{count: 3}")
    new = propose(more, tmp_path)
    defaults = {cell.key for cell in more.cells} - {cell.key for cell in checked.cells}
    assert defaults < {*keys(new)}
    assert all(cell.settings["seed"] < 2 or cell.key in defaults for cell in new)


def test_larger_budget_goes_on_from_the_trials_there_are(tmp_path):
    small, large = study(search="budget: 5"), study(search="budget: 8")
    made = rounds(small, tmp_path)
    more = propose(large, tmp_path)
    assert per_point(large, [*made, more]) == [8] * 4


def test_values_lie_in_their_ranges_and_have_six_digits(tmp_path):
    for cells in rounds(study(search="budget: 8"), tmp_path):
        for cell in cells:
            assert 1e-3 <= cell.settings["learning_rate"] <= 0.1
            assert 0.05 <= cell.settings["surrogate_width"] <= 1
            assert cell.settings["learning_rate"] == float(f"{cell.settings['learning_rate']:.6g}")


@pytest.mark.parametrize("status", [math.nan, None], ids=["diverged", "failed"])
def test_trials_without_a_loss_count_and_the_search_goes_on(tmp_path, status):
    def loss(cell):
        return status if cell.settings["learning_rate"] > 0.01 else bowl(cell)

    checked = study()
    made = rounds(checked, tmp_path, loss)
    assert per_point(checked, made) == [12] * 4
    assert any(loss(cell) == bowl(cell) for cells in made for cell in cells)


def test_sampler_keeps_away_from_where_trials_diverge(tmp_path):
    def share(loss, place):
        made = rounds(study(search="budget: 24, batch: 4", seed="0", sparsity="0.5"), place, loss)
        late = [cell for cells in made[3:] for cell in cells]
        return sum(cell.settings["learning_rate"] > 0.01 for cell in late) / len(late)

    assert share(lambda cell: math.nan if cell.settings["learning_rate"] > 0.01 else 0.5, tmp_path / "a") < 0.3
    assert share(lambda cell: 0.5 - cell.settings["learning_rate"], tmp_path / "b") > 0.7


def test_search_in_which_nothing_ever_has_a_loss_ends(tmp_path):
    checked = study(search="budget: 6")
    assert per_point(checked, rounds(checked, tmp_path, lambda cell: math.nan)) == [6] * 4


def test_best_of_a_neighbour_is_tried_first(tmp_path):
    checked = study(sparsity="[0.4, 0.6, 0.8]", seed="0")
    writer = begin(checked, tmp_path)
    good = Cell.of(**{**checked.cells[0].settings, "learning_rate": 0.0025, "surrogate_width": 0.5})
    publish(writer, [good], name="good")
    proposed = propose(checked, tmp_path)
    with_good = {cell.settings["sparsity"] for cell in proposed if cell.settings["learning_rate"] == 0.0025}
    assert with_good == {0.6}
    first = next(cell for cell in proposed if cell.settings["sparsity"] == 0.6)
    assert (first.settings["learning_rate"], first.settings["surrogate_width"]) == (0.0025, 0.5)


def test_best_is_not_taken_from_another_category(tmp_path):
    checked = study(sparsity="0.5", seed="0", axes="tied: [false, true]")
    writer = begin(checked, tmp_path)
    of_free = next(cell for cell in checked.cells if not cell.settings["tied"])
    publish(writer, [Cell.of(**{**of_free.settings, "learning_rate": 0.0025})], name="good")
    assert not [cell for cell in propose(checked, tmp_path) if cell.settings["learning_rate"] == 0.0025]


@pytest.mark.parametrize("sampler", ["tpe", "qmc", "random"])
def test_small_space_is_gone_through_to_its_end(tmp_path, sampler):
    checked = study(["init: [random, identity]", "tied: [false, true]", "refit: [false]"],
                    search=f"budget: 12, sampler: {sampler}", sparsity="0.5", seed="0")  # fmt: skip
    made = rounds(checked, tmp_path, lambda cell: 0.5)
    found = [(cell.settings["init"], cell.settings["tied"]) for cells in made for cell in cells]
    assert sorted(found) == [("identity", False), ("identity", True), ("random", True)]


def test_whole_numbers_stay_whole(tmp_path):
    checked = study(["batch: {low: 16, high: 64, log: true}"], search="budget: 6", seed="0")
    made = rounds(checked, tmp_path, lambda cell: 1 / cell.settings["batch"])
    found = [cell.settings["batch"] for cells in made for cell in cells]
    assert len(found) == 10
    assert all(isinstance(value, int) and 16 <= value <= 64 for value in found)


def test_setting_is_left_out_where_it_has_no_effect(tmp_path):
    checked = study(axes="activation: [sign, tanh]", sparsity="0.5", seed="0", search="budget: 6")
    made = rounds(checked, tmp_path)
    for cells in made:
        for cell in cells:
            assert ("surrogate_width" in cell.settings) == (cell.settings["activation"] == "sign")
    assert per_point(checked, made) == [6, 6]


def test_point_without_any_searched_setting_has_its_default_alone(tmp_path):
    checked = study([WIDTH], axes="activation: [sign, tanh]", sparsity="0.5", seed="0", search="budget: 6")
    assert sorted(per_point(checked, rounds(checked, tmp_path))) == [1, 6]


def test_settings_that_hang_on_a_searched_one_are_varied_where_they_matter(tmp_path):
    over = ["surrogate: [straight_through, annealed]", WIDTH, "final_temperature: {low: 0.01, high: 0.1, log: true}"]
    checked = study(over, search="budget: 20", sparsity="0.5", seed="0", axes="learning_rate: 0.01")
    made = rounds(checked, tmp_path, lambda cell: cell.settings.get("final_temperature", 0.05))
    found = [cell.settings for cells in made for cell in cells]
    assert len(found) == 19
    assert {settings["surrogate"] for settings in found} == {"straight_through", "annealed"}
    for settings in found:
        assert ("final_temperature" in settings) == (settings["surrogate"] == "annealed")
        assert ("surrogate_width" in settings) != ("final_temperature" in settings)
    assert open_store(tmp_path).sql("SELECT surrogate FROM cells WHERE best").to_pylist() == [{"surrogate": "annealed"}]


def test_default_beyond_the_range_counts_as_a_trial(tmp_path):
    checked = study(["learning_rate: {low: 1e-3, high: 1e-2, log: true}"], search="budget: 6")
    made = rounds(checked, tmp_path)
    assert per_point(checked, made, over=("learning_rate",)) == [6] * 4


@pytest.mark.parametrize("pruner", ["median", "successive_halving", "hyperband"])
def test_pruned_trials_are_cells_of_fewer_steps(tmp_path, pruner):
    checked = study(search=f"budget: 12, pruner: {pruner}", seed="0", axes="steps: 900")
    made = rounds(checked, tmp_path)
    found = [cell for cells in made for cell in cells]
    assert {cell.settings["steps"] for cell in found} == {100, 300, 900}
    tried = {}
    for cell in (*checked.cells, *found):
        trial = tuple(sorted((n, v) for n, v in cell.settings.items() if n != "steps"))
        tried.setdefault(trial, []).append(cell.settings["steps"])
    rungs = [steps for trial, steps in tried.items()]
    assert len(rungs) == 24
    assert sorted(map(tuple, rungs)).count((900,)) == 2  # the defaults
    assert all(steps in ([900], [100], [100, 300], [100, 300, 900]) for steps in rungs)
    assert [100] in rungs
    assert [100, 300, 900] in rungs


@pytest.mark.parametrize("pruner", ["median", "successive_halving", "hyperband"])
def test_pruned_search_is_proposed_again_cell_for_cell(tmp_path, pruner):
    checked = study(search=f"budget: 8, pruner: {pruner}", seed="0", sparsity="0.5")
    whole = rounds(checked, tmp_path / "whole")
    assert len(whole) > 2
    writer = begin(checked, tmp_path / "again")
    for number, cells in enumerate(whole):
        assert keys(propose(checked, tmp_path / "again")) == keys(cells)
        writer.keep_round(study_name(checked.text), "search", number + 1, cells)
        publish(writer, cells, name=f"round{number + 1}")
    assert not propose(checked, tmp_path / "again")


def test_trial_that_diverges_at_a_rung_takes_no_more_steps(tmp_path):
    checked = study(search="budget: 6, pruner: median", seed="0", sparsity="0.5", axes="steps: 900")
    made = rounds(checked, tmp_path, lambda cell: math.nan if cell.settings["steps"] < 900 else 0.5)
    assert {cell.settings["steps"] for cells in made for cell in cells} == {100}
    assert sum(map(len, made)) == 5


def test_cell_of_fewer_steps_is_never_the_best(tmp_path):
    checked = study(search="budget: 6, pruner: median", seed="0", axes="steps: 900")
    rounds(checked, tmp_path, lambda cell: cell.settings["steps"] + cell.settings["learning_rate"])
    found = (
        open_store(tmp_path).sql("SELECT best, count(*) AS n FROM cells WHERE steps < 900 GROUP BY best").to_pylist()
    )
    assert [row["best"] for row in found] == [False]
    assert open_store(tmp_path).sql("SELECT sparsity FROM cells WHERE best").num_rows == 2


def test_cmaes_narrows_down_over_its_generations(tmp_path):
    checked = study(search="budget: 48, batch: 6, sampler: cmaes", seed="0", sparsity="0.5")
    made = rounds(checked, tmp_path)

    def away(cells):
        return sum(abs(math.log(cell.settings["learning_rate"] / 0.003)) for cell in cells) / len(cells)

    assert away(made[-1]) < 0.5 * away(made[0])


BAD = {
    "no setting": (["learning_rat: {low: 0.1, high: 1}"], {}, ['no setting "learning_rat"', 'Did you mean "learning_rate"']),
    "nothing": ([], {}, ["search.over:", "found nothing"]),
    "given elsewhere": ([LEARNING_RATE], {"axes": "learning_rate: 0.01"}, ["also given under axes"]),
    "of the data": (["base: [rademacher, laplace]"], {}, ["losses at several values of base do not compare"]),
    "of the problem": (["rate: {low: 0.5, high: 1}"], {"axes": "init: random"}, ["search.over.rate", "one place"]),
    "evaluation": (["evaluation_samples: [64, 128]"], {}, ["evaluation_samples do not compare"]),
    "no effect": (["surrogate_width: {low: 0.1, high: 1}"], {"axes": "activation: tanh"},
                  ["has no effect, because activation is tanh; expected activation: sign beside it"]),
    "not of the architecture": (["penalty_weight: {low: 0.1, high: 1}"], {},
                                ['no source "sparse" or architecture "two_layer" has a setting "penalty_weight"']),
    "what hangs on it": (["surrogate: [straight_through, noisy]"], {}, ["surrogate_width matters at some of its values only"]),
    "outside its domain": (["learning_rate: {low: 0, high: 1}"], {}, ["search.over.learning_rate", "0 is outside (0, inf)"]),
    "one value": (["learning_rate: [0.1]"], {}, ["expected at least two values"]),
    "a value twice": (["learning_rate: [0.1, 0.10]"], {}, ["0.1 is given twice"]),
    "an empty list": (["learning_rate: []"], {}, ["found an empty list"]),
    "a range of names": (["init: {low: 0, high: 1}"], {}, ["expected a list of values"]),
    "an unknown start": (["init: [random, identiy]"], {}, ['no start "identiy"', 'Did you mean "identity"']),
    "endless": (["weight_bits: {low: 1, high: inf}"], {}, ["expected a"]),
    "unknown key": (["learning_rate: {low: 0.1, hihg: 1}"], {}, ["unknown key", 'Did you mean "high"']),
    "backwards": (["learning_rate: {low: 1, high: 0.1}"], {}, ["expected low < high"]),
    "steps beside a pruner": (["steps: {low: 10, high: 100}"], {"search": "budget: 3, pruner: median"}, ["chooses steps"]),
    "several steps beside a pruner": ([LEARNING_RATE], {"search": "budget: 3, pruner: median", "axes": "steps: [90, 900]"},
                                      ["axes.steps", "found 2 values, expected one"]),
    "too few steps": ([LEARNING_RATE], {"search": "budget: 3, pruner: median", "axes": "steps: 8"}, ["at least 9"]),
    "unknown sampler": ([LEARNING_RATE], {"search": "budget: 3, sampler: tpee"}, ["search.sampler", "tpe"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_bad_search_is_refused_in_one_line_that_says_what_to_mend(kind):
    over, options, named = BAD[kind]
    with pytest.raises(StudyError) as caught:
        Study(text(over, **options), "studies/mine.yaml")
    message = str(caught.value)
    assert message.startswith("studies/mine.yaml:")
    assert len(message.splitlines()) == 1
    for part in named:
        assert part in message


@pytest.mark.parametrize(("sampler", "package"), [("tpe", "optuna"), ("cmaes", "cmaes"), ("gp", "torch")])
def test_missing_package_is_named_before_anything_is_trained(monkeypatch, sampler, package):
    from explorer import sections

    monkeypatch.setattr(sections, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(StudyError, match=rf"needs the package {package}.*pip install {package}"):
        study(search=f"budget: 3, sampler: {sampler}")
