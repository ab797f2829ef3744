"""Figures of fixed data look as they did; `python -m tests.figures.test_pixels` draws the expected pictures anew, to be looked at."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer.figures import figures
from explorer.figures.base import Options
from explorer.figures.style import house_style
from tests.figures.stores import FITTING, STUDIES, cells, make

EXPECTED = Path(__file__).parent / "expected"
DOTS_PER_INCH = 50
# Root mean square difference of grey levels, of 255: a shifted label is some 5, another font some 10.
TOLERANCE = 1.5


def picture(name, place):
    """One figure of the stores that its contract is tested on, small and grey."""
    members = FITTING.get(name, cells)(rate=(0.5, 1.0))
    store = make(place, members, minimizers=True, study=STUDIES.get(name, ""))
    with house_style():
        drawn = figures[name].picture(figures[name].extract(store, Options()))
        written = io.BytesIO()
        drawn.savefig(written, format="png", dpi=DOTS_PER_INCH)
    return Image.open(written).convert("L")


@pytest.mark.parametrize("name", list(figures))
def test_it_looks_as_it_did(name, tmp_path):
    found, expected = picture(name, tmp_path), Image.open(EXPECTED / f"{name}.png")
    assert found.size == expected.size
    difference = np.asarray(found, dtype=float) - np.asarray(expected, dtype=float)
    assert np.sqrt(np.mean(difference**2)) < TOLERANCE


def test_another_picture_would_be_noticed(tmp_path):
    found = np.asarray(picture("phase_diagram", tmp_path), dtype=float)
    assert np.sqrt(np.mean((found - np.roll(found, 2, axis=1)) ** 2)) > TOLERANCE


if __name__ == "__main__":
    import tempfile

    EXPECTED.mkdir(exist_ok=True)
    for name in figures:
        with tempfile.TemporaryDirectory() as place:
            picture(name, place).save(EXPECTED / f"{name}.png", optimize=True)
