"""Losses and order of each gradient and start, on the losses of the four phases."""

import numpy as np
import pytest

from explorer.errors import AnalysisError
from explorer.figures import figures
from explorer.figures.base import Options
from explorer.figures.surrogates import extract
from explorer.theory import gaussian_loss, identity_loss, mixed_loss, tie_broken_identity_loss
from tests.figures.stores import cells, make

draw = figures["surrogates"].picture

GRADIENTS = ("straight_through", "noisy", "annealed")


def members(**more):
    return [cell for name in GRADIENTS for cell in cells(rate=1.0, surrogate=name, refit=True, **more)]


def test_there_is_a_column_for_each_gradient_and_a_mark_for_each_start(tmp_path):
    data = extract(make(tmp_path, members()), Options())
    assert [panel.title for panel in data.panels] == ["annealed", "noisy", "straight through"]
    assert data.starts == ["random", "identity"]
    assert all(set(panel.losses["init"]) == {"random", "identity"} for panel in data.panels)
    drawn = draw(data)
    assert len(drawn.axes) == 6
    assert drawn.axes[0].get_ylabel().startswith("loss")


def test_the_four_phases_stand_behind_with_their_own_losses(tmp_path):
    phases = extract(make(tmp_path, members()), Options()).phases
    p = phases["sparsity"]
    np.testing.assert_allclose(phases["linear"], float(gaussian_loss(1.0)))
    np.testing.assert_allclose(phases["identity"], identity_loss(1.0, p, "rademacher"))
    np.testing.assert_allclose(phases["tie_broken_identity"], tie_broken_identity_loss(1.0, p, "rademacher"))
    np.testing.assert_allclose(phases["mixed"], mixed_loss(1.0, p)[0])


def test_other_settings_that_vary_are_refused(tmp_path):
    with pytest.raises(AnalysisError, match="dimension also vary"):
        extract(make(tmp_path, members(dimension=(8, 16))), Options())
