"""The numbers behind figures, as they are found in extracted data of any form."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from explorer.figures.tables import parts_of, stacked


@dataclass
class Panel:
    title: str
    means: pd.DataFrame
    at: np.ndarray


@dataclass
class Data:
    panels: list
    found: pd.Series
    by_place: dict
    seeds: int
    options: object = None


def data():
    panels = [Panel(f"p = {i}", pd.DataFrame({"x": [0.0, 1.0], "mean": [i, i + 1.0]}), np.eye(2) * i) for i in (1, 2)]
    return Data(panels, pd.Series({"critical": 0.5, "note": "none"}), {("random", 0.3): np.ones((2, 3))}, 3, object())


def test_every_table_series_and_array_is_found_once_with_its_panel():
    parts = parts_of(data())
    assert {name: len(frame) for name, frame in parts.items()} == {
        "means": 4,
        "at": 8,
        "found": 1,
        "by_place": 6,
        "figure": 1,
    }
    assert parts["means"]["panel"].tolist() == ["p = 1", "p = 1", "p = 2", "p = 2"]
    assert set(parts["by_place"]["panel"]) == {"random, 0.3"}
    assert parts["found"].to_dict("records") == [{"critical": 0.5, "note": "none"}]
    assert parts["figure"].to_dict("records") == [{"seeds": 3}]


def test_arrays_are_long():
    at = parts_of(data())["at"]
    assert at.loc[(at["panel"] == "p = 2") & (at["row"] == 1) & (at["column"] == 1), "value"].tolist() == [2.0]


def test_parts_stand_below_each_other_and_lack_what_they_have_not():
    whole = stacked(parts_of(data()))
    assert whole.columns[0] == "part"
    assert whole["part"].value_counts().to_dict() == {"means": 4, "at": 8, "found": 1, "by_place": 6, "figure": 1}
    assert whole.loc[whole["part"] == "at", "mean"].isna().all()
    assert whole["mean"].dtype == float


def test_nothing_is_a_table_without_rows():
    assert stacked({}).columns.tolist() == ["part"]
    assert stacked({"a": pd.DataFrame({"x": []})}).empty
