import numpy as np
import pandas as pd
import pytest

from explorer.analysis import estimators, fit_boundary
from explorer.analysis.boundary.fit import COLUMNS
from explorer.errors import AnalysisError
from tests.analysis.tables import branches, switching

NUMBERS = ["critical", "se", "low", "high", "width", "theory", "mixed_low", "mixed_high", "extrapolated"]


def test_one_row_per_group_and_estimator():
    groups = [switching(x).assign(rate=rate) for rate, x in ((0.5, 0.45), (1.0, 0.7))]
    found = fit_boundary(pd.concat(groups), by=["rate"])
    assert list(found.columns) == ["rate", *COLUMNS]
    assert list(zip(found.rate, found.estimator, strict=True)) == [
        (0.5, "switch"), (0.5, "crossing"), (1.0, "switch"), (1.0, "crossing"),
    ]  # fmt: skip
    np.testing.assert_allclose(found[found.estimator == "switch"].critical, [0.45, 0.7], atol=0.005)


def test_group_column_may_be_one_name():
    found = fit_boundary(switching().assign(rate=1.0), by="rate", estimator="switch")
    assert list(found.rate) == [1.0]


def test_group_of_missing_values_is_a_group():
    groups = [switching(0.5).assign(shape=np.nan), switching(0.7).assign(shape=3.0)]
    found = fit_boundary(pd.concat(groups), by=["shape"], estimator="switch")
    assert found.set_index("shape").critical[3.0] == pytest.approx(0.7, abs=0.005)
    assert len(found) == 2


@pytest.mark.parametrize("by", [(), ["rate"]])
def test_empty_table_has_no_boundary_and_the_same_columns(by):
    empty = switching().assign(rate=1.0).iloc[:0]
    found = fit_boundary(empty, by=by)
    assert list(found.columns) == [*by, *COLUMNS]
    assert found.critical.isna().all()


def test_numbers_are_numbers_even_where_all_are_missing():
    found = fit_boundary(switching(2.0))
    assert (found[NUMBERS].dtypes == "float64").all()


def test_table_that_is_given_is_left_as_it_was():
    table = branches(noise=0.01)
    table.loc[0, "loss"] = np.inf
    before = table.copy()
    fit_boundary(table)
    pd.testing.assert_frame_equal(table, before)


def test_same_table_gives_the_same_numbers():
    table = switching(seeds=9, spread=0.02, points=np.linspace(0.4, 0.8, 7))
    pd.testing.assert_frame_equal(fit_boundary(table, estimator="switch"), fit_boundary(table, estimator="switch"))


def test_values_that_are_pooled_are_named():
    table = pd.concat([switching(0.5).assign(learning_rate=0.01), switching(0.7).assign(learning_rate=0.1)])
    assert "pools several values of learning_rate" in fit_boundary(table, estimator="switch").note[0]


def test_settings_a_switch_depends_on_stand_beside_it():
    found = fit_boundary(switching().assign(learning_rate=0.01, optimizer="adam"), estimator="switch")
    assert found.settings[0] == "dimension=64, learning_rate=0.01, optimizer=adam"


KNOWN = {"source": "sparse", "base": "rademacher", "architecture": "two_layer", "activation": "sign", "rate": 1.0}


def test_theory_stands_beside_the_crossing_and_not_beside_the_switch():
    found = fit_boundary(branches().assign(**KNOWN)).set_index("estimator")
    assert found.theory["crossing"] == pytest.approx(2 / np.pi)
    assert np.isnan(found.theory["switch"])


@pytest.mark.parametrize("change", [{"source": "mine"}, {"base": "generalized_gaussian"}, {"rate": 2.0}], ids=str)
def test_no_theory_where_none_is_known(change):
    found = fit_boundary(branches().assign(**{**KNOWN, **change}), estimator="crossing")
    assert np.isnan(found.theory[0])


def test_no_theory_for_a_group_that_pools_bases():
    table = branches().assign(**KNOWN)
    table.loc[::2, "base"] = "uniform"
    assert np.isnan(fit_boundary(table, estimator="crossing").theory[0])


def test_columns_that_hold_lists_are_no_obstacle():
    table = switching()
    table["curve"] = [[1.0, 2.0]] * len(table)
    assert fit_boundary(table, estimator="switch").critical[0] == pytest.approx(0.6, abs=0.005)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"along": "sparsty"}, 'no column "sparsty".*Did you mean "sparsity"'),
        ({"order": "localisation"}, 'no column "localisation".*Did you mean "localization"'),
        ({"loss": "los"}, 'no column "los".*Did you mean "loss"'),
        ({"seed": "seeds"}, 'no column "seeds".*Did you mean "seed"'),
        ({"by": ["dimensions"]}, 'no column "dimensions".*Did you mean "dimension"'),
        ({"by": ["sparsity"]}, '"sparsity" is both the axis and a column'),
        ({"along": "init", "by": []}, 'column "init" holds .* values, expected numbers'),
        ({"order": "init"}, 'column "init" holds .* values, expected numbers'),
        (
            {"estimator": "crosing"},
            'no estimator "crosing"; expected one of crossing, .*switch.*Did you mean "crossing"',
        ),
    ],
    ids=str,
)
def test_bad_question_is_refused_with_what_to_mend(options, message):
    with pytest.raises(AnalysisError, match=message) as caught:
        fit_boundary(branches(), **options)
    assert "\n" not in str(caught.value)


@pytest.fixture(params=list(estimators))
def estimator(request):
    return request.param


def both_phases(**options):
    table = branches(**options)
    rising = table.init == "random"
    table.loc[rising & (table.sparsity > 0.62), ["localization", "loss"]] = [0.99, 0.3]
    return table


@pytest.mark.parametrize(
    "table",
    [
        switching().iloc[:0],
        switching().iloc[:1],
        switching(points=[0.5]),
        switching(2.0),
        switching(seeds=1),
        switching().assign(localization=np.nan),
        switching().assign(loss=np.nan),
        switching().assign(status="failed"),
        branches(points=[0.4, 0.8]),
        branches(seeds=1),
        both_phases(noise=0.01),
    ],
    ids=["none", "one", "point", "phase", "seed", "order", "loss", "failed", "two", "pair", "both"],
)
def test_estimator_gives_a_number_or_says_why_not(estimator, table):
    rows = list(fit_boundary(table, estimator=estimator).itertuples())
    assert rows
    for row in rows:
        assert row.estimator == estimator
        assert np.isfinite(row.critical) or row.note
        if np.isnan(row.critical):
            assert np.isnan([row.low, row.high]).all()
        elif np.isfinite(row.low):
            assert row.low <= row.critical <= row.high
        else:
            assert "no interval" in row.note


def sizes():
    """Three sizes, whose boundaries go to 0.6."""
    return pd.concat(
        [
            both_phases(noise=0.001).assign(dimension=d, sparsity=lambda t, s=0.4 / d: t["sparsity"] + s)
            for d in (16, 32, 64)
        ]
    )


FITTING = {"finite_size": sizes}


def test_estimator_finds_a_boundary_where_there_is_one(estimator):
    table = FITTING[estimator]() if estimator in FITTING else both_phases(noise=0.001)
    (row,) = fit_boundary(table, estimator=estimator).itertuples()
    assert 0.55 < row.critical < 0.7
    assert row.seeds == 3
