"""Bands about seed means."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from explorer.figures.series import banded, keep_in_bounds

ROWS = pd.DataFrame({"x": [1.0, 2.0], "mean": [1.0, 2.0], "half": [0.5, 4.0]})


def band(scale):
    ax = Figure().subplots()
    ax.set_yscale(scale)
    banded(ax, ROWS, "x", ("black", "o"), "name")
    (drawn,) = ax.collections
    heights = drawn.get_paths()[0].vertices[:, 1]
    return heights.min(), heights.max()


def test_a_band_is_the_mean_and_half_its_interval_on_both_sides():
    assert band("linear") == (-2.0, 6.0)


def test_on_a_logarithmic_scale_it_is_of_the_logarithm():
    assert band("log") == pytest.approx((2 * np.exp(-2), 2 * np.exp(2)))


def test_bounded_values_keep_to_their_range():
    ax = Figure().subplots()
    banded(ax, ROWS, "x", ("black", "o"), "name")
    keep_in_bounds(ax, "localization")
    assert ax.get_ylim() == (-0.05, 1.05)
