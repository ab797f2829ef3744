import numpy as np
import pandas as pd
import pytest

from explorer.analysis import classify
from explorer.errors import AnalysisError


def phases(localization, **columns):
    table = pd.DataFrame({"localization": localization, **columns}, index=range(10, 10 + len(localization)))
    found = classify(table)
    assert list(found.index) == list(table.index)
    return list(found)


def test_phases_follow_the_order_parameter():
    haar = 3 / 66
    found = phases([haar, 1.59 * haar, 1.61 * haar, 0.5, 0.9, 0.91, 1.0], dimension=64)
    assert found == ["rotation", "rotation", "mixed", "mixed", "mixed", "identity", "identity"]


def test_haar_value_is_that_of_each_row():
    assert phases([0.03, 0.03], dimension=[64, 1000]) == ["rotation", "mixed"]


def test_identity_with_another_decoder_is_tie_broken():
    found = phases([1.0, 1.0, 0.5, 1.0], dimension=64, tying=[0.95, 0.9, 0.1, np.nan])
    assert found == ["identity", "tie-broken identity", "mixed", "identity"]


def test_row_without_an_order_parameter_has_no_phase():
    assert phases([np.nan, np.inf, 1.0], dimension=64) == [None, None, "identity"]


def test_smallest_value_stands_for_the_rotation_where_the_size_is_unknown():
    assert phases([0.04, 0.06, 0.07, 0.95]) == ["rotation", "rotation", "mixed", "identity"]


@pytest.mark.parametrize("columns", [{}, {"dimension": 1}, {"dimension": 2}])
def test_single_coordinates_are_an_identity_at_any_size(columns):
    assert phases([1.0, 0.99], **columns) == ["identity", "identity"]


@pytest.mark.parametrize("values", [[], [np.nan, np.nan]])
def test_table_without_values_is_no_obstacle(values):
    assert phases(np.array(values, dtype=float)) == [None] * len(values)


def test_missing_column_is_refused_with_the_nearest():
    with pytest.raises(AnalysisError, match=r'no column "localization".*Did you mean "localisation"'):
        classify(pd.DataFrame({"localisation": [1.0]}))


@pytest.mark.parametrize("column", ["localization", "dimension"])
def test_column_of_text_is_refused(column):
    table = pd.DataFrame({"localization": [1.0], "dimension": [64]}).astype({column: str})
    with pytest.raises(AnalysisError, match=f'column "{column}" holds .* expected numbers'):
        classify(table)


def test_two_rows_on_one_coordinate_are_no_pure_identity():
    table = pd.DataFrame({"localization": [1.0, 1.0], "dimension": [48, 48], "coverage": [1.0, 47 / 48]})
    assert list(classify(table)) == ["identity", "mixed"]
