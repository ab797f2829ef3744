"""Pictures of matrices: any reader sees the colours of the figures in them."""

import io

import numpy as np
import pytest

from explorer.figures.style import diverging
from explorer.report.png import NOT_FINITE, STEPS, palette, picture

Image = pytest.importorskip("PIL.Image")


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def test_colours_are_those_of_the_figures():
    ours, theirs = palette()[:STEPS].astype(float), 255 * diverging()(np.linspace(0, 1, STEPS))[:, :3]
    assert np.abs(ours - theirs).max() < 4


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (200, 7)])
def test_a_pixel_an_entry(shape):
    matrix = np.linspace(-1, 1, shape[0] * shape[1]).reshape(shape)
    seen = pixels(picture(matrix))
    assert seen.shape == (*shape, 3)
    steps = np.round((matrix + 1) * (STEPS - 1) / 2).astype(int)
    assert (seen == palette()[steps]).all()


def test_entries_beyond_the_limit_have_the_end_colours():
    assert (pixels(picture(np.array([[-9.0, 9.0, -np.inf]]), 2.0)) == palette()[[0, STEPS - 1, 0]]).all()


def test_what_is_no_number_is_grey():
    assert pixels(picture(np.array([[np.nan]]))).ravel().tolist() == list(NOT_FINITE)
