import io
import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from explorer.analysis.compare import compare
from explorer.cli import app
from explorer.errors import AnalysisError
from tests.analysis.tables import branches, switching
from tests.figures.stores import cells, make, outcome


def study(seeds=range(4), location=0.6, noise=0.01, seed=0, **columns):
    """Random and identity starts of a study with keys, whose random starts switch at `location`."""
    seeds = list(seeds)
    table = branches(seeds=len(seeds), noise=noise / 4, seed=seed)
    generator = np.random.default_rng(seed)
    random = table.init == "random"
    rise = 1 / (1 + np.exp(-(table.sparsity - location) / 0.02))
    table.loc[random, "localization"] = (0.05 + 0.95 * rise)[random]
    table["localization"] += noise * generator.standard_normal(len(table))
    table["seed"] = table.seed.map(dict(enumerate(seeds)))
    table = table.assign(**columns)
    settings = [c for c in table.columns if c not in ("localization", "loss")]
    return table.assign(cell_key=table[settings].round(9).astype(str).agg("/".join, axis=1))


def test_study_agrees_with_itself_cell_by_cell():
    first = study()
    found = compare(first, first.sample(frac=1, random_state=0))
    assert found.points.identical.sum() == len(first)
    assert found.points[["within_rounding", "different"]].to_numpy().sum() == 0
    assert found.agree
    assert found.verdict.startswith(
        f"no difference was found: of {len(first)} cells that both have {len(first)} are identical"
    )
    np.testing.assert_allclose(found.boundaries.difference.dropna(), 0)
    assert found.notes == ()


def test_rounding_is_told_from_a_difference():
    first, second = study(), study()
    second.loc[3, "loss"] *= 1 + 1e-7
    second.loc[5, "loss"] *= 1.1
    found = compare(first, second)
    assert found.points[["identical", "within_rounding", "different"]].sum().tolist() == [len(first) - 2, 1, 1]
    assert not found.agree
    assert found.verdict.startswith("the studies differ")


def test_missing_results_of_the_same_cells_are_identical_and_of_one_alone_are_not():
    first, second = study(), study()
    first.loc[[0, 1], "loss"] = np.nan
    second.loc[0, "loss"] = np.nan
    assert compare(first, second).points.different.sum() == 1


def test_other_seeds_of_the_same_settings_agree():
    found = compare(study(), study(range(4, 8), seed=1))
    assert found.points.localization_p.notna().all()
    assert found.points.identical.sum() == 0
    assert found.agree
    assert "0 of 26 points that could be tested differ" in found.verdict


def test_false_discoveries_are_rare_among_studies_that_agree():
    pairs = [(study(seed=2 * i), study(range(4, 8), seed=2 * i + 1)) for i in range(8)]
    assert sum(compare(*pair, estimator="crossing").points.differs.any() for pair in pairs) <= 2


def test_points_and_boundary_that_moved_are_found():
    found = compare(study(range(6)), study(range(6, 12), location=0.7, seed=1))
    random = found.points[found.points.init == "random"]
    assert set(random[random.differs].sparsity.round(2)) >= {0.6, 0.65, 0.7}
    assert not found.points[(found.points.init == "random") & (found.points.sparsity < 0.4)].differs.any()
    row = found.boundaries.set_index("estimator").loc["switch"]
    assert row.difference == pytest.approx(0.1, abs=0.02)
    assert row.in_se > 3
    assert row.differs
    assert not found.agree


def test_p_values_are_raised_by_the_correction_and_never_lowered():
    points = compare(study(), study(range(4, 8), seed=1)).points
    for name in ("localization", "loss"):
        assert (points[f"{name}_p_corrected"] >= points[f"{name}_p"] - 1e-12).all()
    boundaries = compare(study(), study(range(4, 8), seed=1)).boundaries.dropna(subset="p")
    assert (boundaries.p_corrected >= boundaries.p).all()


def test_rows_that_share_a_seed_are_no_replicates():
    first, second = study([0], noise=0.01), study([1], noise=0.01, seed=1)
    doubled = [pd.concat([t, t.assign(loss=t.loss + 1e-6, cell_key=t.cell_key + "b")]) for t in (first, second)]
    assert compare(*doubled).points.loss_p.isna().all()


def test_one_seed_cannot_be_tested_and_says_so():
    found = compare(study([0]), study([1], seed=1))
    assert found.points.loss_p.isna().all()
    assert found.verdict.startswith("nothing could be tested")


def test_tables_without_keys_are_compared_by_their_settings():
    first, second = (study(range(i, i + 4), seed=i).drop(columns="cell_key") for i in (0, 4))
    assert len(compare(first, second).points) == 26


def test_grids_that_differ_by_rounding_are_the_same_grid():
    second = study(range(4, 8), seed=1)
    second["sparsity"] = second.sparsity + 1e-16 * np.arange(len(second))
    assert len(compare(study(), second).points) == 26


def test_settings_that_differ_are_named():
    first = study(learning_rate=0.01, rate=1.0)
    second = study(learning_rate=0.1, batch=256)
    both = pd.concat([second.assign(rate=1.0), second.assign(rate=0.5)])
    notes = compare(first, both).notes
    assert "learning_rate is 0.01 in the first study and 0.1 in the second" in notes
    assert "only the second study varies rate: 0.5, 1; the other has 1" in notes
    assert "only the second study has batch: 256" in notes


def test_only_shared_points_are_compared_and_the_rest_is_said():
    first, second = study(), study(range(4, 8), seed=1)
    found = compare(first[first.sparsity < 0.6], second)
    assert found.points.sparsity.max() < 0.6
    assert any("values of sparsity are in both studies" in note for note in found.notes)


def test_groups_have_a_boundary_each():
    first = pd.concat([study(rate=0.5), study(rate=1.0, location=0.7)])
    second = pd.concat([study(range(4, 8), rate=0.5, seed=1), study(range(4, 8), rate=1.0, location=0.7, seed=2)])
    found = compare(first, second, by=["rate"], estimator="switch")
    assert list(found.boundaries.rate) == [0.5, 1.0]
    assert found.agree


def test_boundary_of_one_study_alone_is_said():
    flat = switching(2.0, seeds=3, noise=0.001)
    found = compare(switching(0.6, seeds=3, spread=0.01), flat, estimator="switch")
    assert "1 boundary was found in one study only" in found.verdict
    assert "second: one phase only" in found.boundaries.note[0]
    assert np.isnan(found.boundaries.p[0])


def test_studies_without_a_point_in_common_have_nothing_to_compare():
    table = study()
    found = compare(table[table.sparsity < 0.5], table[table.sparsity > 0.6])
    assert found.points.empty
    assert found.verdict.startswith("nothing to compare")


def test_studies_of_two_sizes_are_compared_at_each_rate_although_their_codes_differ():
    first = study(dimension=64, rate=1.0, code_dimension=64)
    second = study(range(4, 8), seed=1, rate=1.0, code_dimension=32).assign(dimension=32)
    found = compare(first, second, settings=["rate", "dimension", "code_dimension", "init"])
    assert len(found.points) == 26
    assert "dimension is 64 in the first study and 32 in the second" in found.notes


def test_empty_study_is_no_obstacle():
    assert compare(study(), study().iloc[:0]).verdict.startswith("nothing to compare")


def test_failed_cells_are_left_out():
    first, second = study(status="converged"), study(range(4, 8), seed=1, status="converged")
    second.loc[::2, "status"] = "failed"
    second.loc[::2, "loss"] = 1e6
    assert compare(first, second).agree


def test_tables_that_are_given_are_left_as_they_were():
    first, second = study(), study(range(4, 8), seed=1)
    before = first.copy(), second.copy()
    compare(first, second)
    pd.testing.assert_frame_equal(first, before[0])
    pd.testing.assert_frame_equal(second, before[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"along": "sparsty"}, 'first study: there is no column "sparsty".*Did you mean "sparsity"'),
        ({"order": "init"}, 'column "init" holds .* expected numbers'),
        ({"rounding": -1}, "found rounding = -1, expected a number from 0 to 1"),
    ],
)
def test_bad_question_is_refused(options, message):
    with pytest.raises(AnalysisError, match=message):
        compare(study(), study(), **options)


def later(cell):
    """Losses that are 0.05 higher than those of the other store."""
    found = outcome(cell)
    return {**found, "loss": found["loss"] + 0.05}


def command(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments), "--along", "sparsity"])


@pytest.fixture
def stores(tmp_path):
    make(tmp_path / "first", cells(rate=(0.5, 1.0)))
    make(tmp_path / "again", cells(rate=(0.5, 1.0)))
    make(tmp_path / "other", cells(rate=(0.5,), seed=(3, 4, 5)), outcome=later)
    return tmp_path


def test_command_says_that_a_store_agrees_with_its_repetition(stores):
    done = command(stores / "first", stores / "again", "--by", "rate")
    assert done.exit_code == 0, done.output
    assert "156 are identical" in done.stderr
    assert done.stdout.count("crossing") == 2


def test_command_gives_points_and_boundaries_for_a_program(stores):
    done = command(stores / "first", stores / "other", "--format", "json")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert {row["kind"] for row in rows} == {"point", "boundary"}
    points = [row for row in rows if row["kind"] == "point"]
    assert len(points) == 26
    assert all(row["differs"] for row in points)
    assert "the studies differ" in done.stderr
    assert "only the first study varies rate: 0.5, 1; the other has 0.5" in done.stderr
    table = pd.read_csv(io.StringIO(command(stores / "first", stores / "other", "--format", "csv").stdout))
    assert table["kind"].value_counts()["point"] == 26


def test_command_refuses_what_is_no_column(stores):
    done = command(stores / "first", stores / "other", "--by", "rates")
    assert done.exit_code == 2
    assert 'no column "rates"' in done.stderr
