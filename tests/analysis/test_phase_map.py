import sys

import numpy as np
import pandas as pd
import pytest

from explorer.analysis import fit_boundary
from explorer.analysis.phase_map import map_phases
from explorer.errors import AnalysisError
from tests.analysis.tables import branches, switching

OBSERVABLES = ["localization", "peak", "orthogonality"]


def three(each=60, seed=0):
    """Three phases apart from each other in several observables, at ranges of the axis of their own."""
    generator = np.random.default_rng(seed)
    centres = {"low": (0.05, 0.2, 0.9), "middle": (0.5, 0.7, 0.5), "high": (0.98, 0.99, 0.02)}
    rows = []
    for i, (name, centre) in enumerate(centres.items()):
        values = np.array(centre) + 0.02 * generator.standard_normal((each, 3))
        rows.append(
            pd.DataFrame(values, columns=OBSERVABLES).assign(truth=name, sparsity=generator.uniform(i, i + 1, each))
        )
    return pd.concat(rows, ignore_index=True)


def count(*columns):
    names = [f"o{i}" for i in range(len(columns))]
    return len(map_phases(pd.DataFrame(dict(zip(names, columns, strict=True))), names).summary)


def test_phases_are_found_numbered_and_summed_up():
    table = three()
    found = map_phases(table, OBSERVABLES, by=["sparsity"])
    assert pd.crosstab(table.truth, found.rows.phase).to_dict() == {
        1: {"high": 0, "low": 60, "middle": 0}, 2: {"high": 0, "low": 0, "middle": 60}, 3: {"high": 60, "low": 0, "middle": 0},
    }  # fmt: skip
    assert (found.rows.probability > 0.99).all()
    summary = found.summary.set_index("phase")
    np.testing.assert_allclose(summary["share"], 1 / 3)
    np.testing.assert_allclose(summary.localization_mean, [0.05, 0.5, 0.98], atol=0.01)
    np.testing.assert_allclose(summary.peak_sd, 0.02, atol=0.006)
    assert list(summary.sparsity_low.astype(int)) == [0, 1, 2]
    assert list(summary.sparsity_high.astype(int)) == [0, 1, 2]
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)


def test_phases_and_their_numbers_do_not_depend_on_the_order_of_the_rows():
    table = three()
    shuffled = table.sample(frac=1, random_state=3)
    first, second = (map_phases(t, OBSERVABLES).rows for t in (table, shuffled))
    pd.testing.assert_frame_equal(first, second.loc[first.index])


def test_same_table_gives_the_same_map():
    pd.testing.assert_frame_equal(map_phases(three(), OBSERVABLES).rows, map_phases(three(), OBSERVABLES).rows)


@pytest.mark.parametrize("law", ["standard_normal", "random", "standard_exponential"])
def test_one_phase_of_any_shape_is_one(law):
    for seed in range(3):
        generator = np.random.default_rng(seed)
        assert count(getattr(generator, law)(300), getattr(generator, law)(300)) == 1


def test_phase_that_bends_is_one():
    generator = np.random.default_rng(0)
    along = generator.uniform(-1, 1, 400)
    assert count(along, along**2 + 0.05 * generator.standard_normal(400)) == 1


def test_two_exact_phases_without_any_spread_are_two():
    assert count(np.repeat([0.045, 1.0], 40)) == 2


def test_rare_phase_far_away_is_not_lost():
    generator = np.random.default_rng(0)
    assert (
        count(
            np.concatenate([0.05 + 0.01 * generator.standard_normal(300), 0.9 + 0.01 * generator.standard_normal(20)])
        )
        == 2
    )


def test_observables_that_say_nothing_are_dropped_and_named():
    table = three().assign(flat=1.0, gone=np.nan)
    found = map_phases(table, [*OBSERVABLES, "flat", "gone"])
    assert found.observables == tuple(OBSERVABLES)
    assert "flat not used: constant, 1" in found.notes
    assert "gone not used: missing in 180 of 180 rows" in found.notes
    assert len(found.summary) == 3


def test_rows_without_a_value_or_a_result_have_no_phase():
    table = three().assign(status="converged")
    table.loc[0, "peak"] = np.nan
    table.loc[1, "peak"] = np.inf
    table.loc[2, "status"] = "diverged"
    rows = map_phases(table, OBSERVABLES).rows
    assert list(rows.index[rows.phase.isna()]) == [0, 1, 2]
    assert rows.probability.isna().sum() == 3


def test_index_of_the_table_is_kept_even_with_repeats():
    table = three()
    table.index = [7] * len(table)
    found = map_phases(table, OBSERVABLES)
    assert list(found.rows.index) == [7] * len(table)
    assert found.rows.phase.nunique() == 3


@pytest.mark.parametrize("most", [1, 2])
def test_no_more_phases_than_asked_for(most):
    assert len(map_phases(three(), OBSERVABLES, most=most).summary) == most


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_small_tables_have_at_most_one_phase(rows):
    found = map_phases(three().iloc[:rows], OBSERVABLES)
    assert len(found.summary) == min(rows, 1)
    assert len(found.rows) == rows


@pytest.mark.parametrize("value", [0.5, np.nan])
def test_constant_and_missing_data_have_no_second_phase(value):
    found = map_phases(pd.DataFrame({"localization": np.full(30, value)}), ["localization"])
    assert len(found.summary) == int(np.isfinite(value))
    assert found.notes


@pytest.mark.parametrize(
    ("observables", "options", "message"),
    [
        (["locallization"], {}, 'no column "locallization".*Did you mean "localization"'),
        (["truth"], {}, 'column "truth" holds .* expected numbers'),
        ([], {}, "found no observables"),
        (["peak"], {"most": 0}, "found most = 0, expected at least 1"),
        (["peak"], {"by": ["sparsty"]}, 'no column "sparsty".*Did you mean "sparsity"'),
    ],
)
def test_bad_question_is_refused(observables, options, message):
    with pytest.raises(AnalysisError, match=message):
        map_phases(three(), observables, **options)


def test_missing_library_is_one_clear_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.mixture", None)
    with pytest.raises(AnalysisError, match="found no scikit-learn, expected it to be installed"):
        map_phases(three(), OBSERVABLES)


def phases(table, **options):
    return fit_boundary(table, estimator="phases", **options)


def test_change_of_phase_is_a_boundary_with_an_interval():
    (row,) = phases(switching(0.6, scale=0.0005, seeds=6, spread=0.03, noise=0.01, seed=1)).itertuples()
    assert row.low < row.critical < row.high
    assert row.critical == pytest.approx(0.6, abs=0.04)
    assert row.below != row.above
    assert row.seeds == 6
    assert "localization" in row.method


def test_interval_of_seeds_that_agree_is_the_step_of_the_grid():
    (row,) = phases(switching(0.61, 0.0005, seeds=4, noise=0.01)).itertuples()
    assert (row.low, row.high) == (pytest.approx(0.6), pytest.approx(0.625))


def test_every_change_is_a_row():
    points = np.linspace(0.3, 0.9, 25)
    table = switching(0.45, 0.002, points=points, seeds=4, noise=0.01)
    table["localization"] -= 0.5 * (table.localization > 0.5) * (table.sparsity < 0.7)
    found = phases(table)
    np.testing.assert_allclose(found.critical, [0.4625, 0.6875], atol=0.0126)
    assert list(zip(found.below, found.above, strict=True)) == [(1, 2), (2, 3)]
    assert set(found.phases) == {3}


def test_observables_beside_the_order_parameter_are_used():
    table = switching(2.0, seeds=4, noise=0.01).assign(tying=lambda t: np.where(t.sparsity < 0.61, 0.1, 0.9))
    (row,) = phases(table).itertuples()
    assert row.critical == pytest.approx(0.6125, abs=1e-6)
    assert "tying" in row.method


def test_order_parameter_stands_alone_where_no_observable_is_known():
    table = switching(0.61, 0.0005, noise=0.01).rename(columns={"localization": "mine"}).drop(columns="loss")
    assert phases(table, order="mine").critical[0] == pytest.approx(0.6, abs=0.02)


def test_one_phase_is_no_boundary():
    (row,) = phases(switching(2.0, noise=0.01)).itertuples()
    assert np.isnan(row.critical)
    assert "one phase only in localization" in row.note
    assert row.phases == 1


def test_only_random_starts_are_mapped():
    (row,) = phases(branches(noise=0.001)).itertuples()
    assert np.isnan(row.critical)
    assert row.n == 0 or row.seeds == 3


def test_one_seed_gives_a_place_and_no_interval():
    (row,) = phases(switching(0.61, 0.0005, seeds=1, noise=0.01)).itertuples()
    assert row.critical == pytest.approx(0.6, abs=0.02)
    assert np.isnan(row.low)
    assert "no interval: it takes at least two seeds" in row.note
