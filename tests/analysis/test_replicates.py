import numpy as np
import pandas as pd
import pytest

from explorer.analysis import replicates
from explorer.errors import AnalysisError

TABLE = pd.DataFrame({
    "rate": [0.5, 0.5, 0.5, 1.0, 1.0, 2.0],
    "loss": [1.0, 2.0, 3.0, 4.0, np.nan, np.inf],
    "name": list("abcdef"),
})  # fmt: skip


def test_mean_standard_error_and_number_of_each_group():
    found = replicates(TABLE, "loss", ["rate"]).set_index("rate")
    assert tuple(found.loc[0.5]) == pytest.approx((2.0, 1 / np.sqrt(3), 3))
    assert found.loc[1.0, "mean"] == 4
    assert np.isnan(found.loc[1.0, "se"])
    assert found.loc[1.0, "n"] == 1


def test_group_without_a_finite_value_has_no_mean():
    found = replicates(TABLE, "loss", ["rate"]).set_index("rate")
    assert np.isnan(found.loc[2.0, "mean"])
    assert found.loc[2.0, "n"] == 0


def test_groups_by_several_columns_keep_missing_values():
    table = TABLE.assign(shape=[1, np.nan, np.nan, 1, 1, 1])
    found = replicates(table, "loss", ["rate", "shape"])
    assert len(found) == 4
    assert found["n"].sum() == 4


def test_one_column_may_be_given_by_its_name():
    pd.testing.assert_frame_equal(replicates(TABLE, "loss", "rate"), replicates(TABLE, "loss", ["rate"]))


def test_empty_table_gives_an_empty_answer():
    assert list(replicates(TABLE.iloc[:0], "loss", ["rate"]).columns) == ["rate", "mean", "se", "n"]


@pytest.mark.parametrize(
    ("value", "by", "message"),
    [
        ("los", ["rate"], 'no column "los".*Did you mean "loss"'),
        ("loss", ["rat"], 'no column "rat".*Did you mean "rate"'),
        ("name", ["rate"], 'column "name" holds .* expected numbers'),
        ("loss", [], "expected at least one"),
    ],
)
def test_bad_question_is_refused(value, by, message):
    with pytest.raises(AnalysisError, match=message):
        replicates(TABLE, value, by)
