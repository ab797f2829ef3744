"""What encoders spend on each eigenvalue, and what would be best."""

import numpy as np
import pytest

from explorer.errors import AnalysisError
from explorer.figures import figures
from explorer.figures.allocation import MOST_GROUPS, extract
from explorer.figures.base import Options
from explorer.theory import anisotropic_allocation
from explorer.theory.spectra import eigenvalues
from tests.figures.stores import DIMENSION, cells, encoder, make, spectra

draw = figures["allocation"].picture


def test_rows_of_single_coordinates_are_counted_whatever_their_variance(tmp_path):
    members = spectra(rate=(1.0,), seed=(0,))
    panel = extract(make(tmp_path, members, minimizers=True), Options()).panels[0]
    white = encoder(members[0]).astype(float) * np.sqrt(eigenvalues(members[0].settings))
    expected = np.square(white / np.linalg.norm(white, axis=1, keepdims=True)).sum(axis=0)
    np.testing.assert_allclose(panel.means.sort_values("eigenvalue")["mean"], expected[::-1], rtol=1e-6)
    assert panel.means["mean"].sum() == pytest.approx(DIMENSION)


def test_best_allocation_stands_beside_it_at_the_trained_rate(tmp_path):
    members = spectra(rate=(0.5, 1.0))
    data = extract(make(tmp_path, members, minimizers=True), Options())
    assert [panel.title for panel in data.panels] == ["$r$ = 0.5", "$r$ = 1"]
    for panel, rate in zip(data.panels, (0.5, 1.0), strict=True):
        best = anisotropic_allocation(eigenvalues(members[0].settings), rate)
        np.testing.assert_allclose(panel.theory.sort_values("eigenvalue")["allocation"], best[::-1])


def test_many_eigenvalues_are_averaged_in_groups(tmp_path):
    def wide(cell):
        return np.eye(64, dtype=np.float32)

    data = extract(make(tmp_path, spectra(rate=(1.0,), dimension=64), minimizers=True, encoder=wide), Options())
    means = data.panels[0].means
    assert 8 < len(means) <= MOST_GROUPS
    np.testing.assert_allclose(means["mean"], 1.0)
    assert len(data.panels[0].theory) == len(means)


def test_a_store_without_encoders_is_refused(tmp_path):
    with pytest.raises(AnalysisError, match="no encoders are kept"):
        extract(make(tmp_path, spectra()), Options())


def test_rotated_axes_are_refused(tmp_path):
    with pytest.raises(AnalysisError, match="expected rotated: false"):
        extract(make(tmp_path, spectra(rotated=True), minimizers=True), Options())


def test_a_store_of_another_source_is_refused(tmp_path):
    with pytest.raises(AnalysisError, match='no column "spectrum"'):
        extract(make(tmp_path, cells(rate=1.0)), Options())


def test_legend_names_the_lines(tmp_path):
    data = extract(make(tmp_path, [*spectra(), *spectra(exponent=2.0)], minimizers=True), Options())
    texts = [text.get_text() for text in draw(data).legends[0].get_texts()]
    assert len(data.names) == 2
    assert any(text.startswith("best allocation") for text in texts)
