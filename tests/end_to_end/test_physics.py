"""What the main job is for: default settings, real training, measured boundaries on the theory's.

Sparse data, d = 40; losses, phases and crossings of THEORY in Kögler et al. 2024 and Shevchenko et al. 2023.
"""

import os

import numpy as np
import pandas as pd
import pytest

from explorer import fit_boundary, load_study, open_store, run_study
from explorer.engine.cluster import connected
from explorer.theory import critical_sparsity, gaussian_loss, identity_loss

RADEMACHER = """\
name: rademacher
axes:
  source: sparse
  base: rademacher
  sparsity: [0.3, 0.35, 0.4, 0.5, 0.6, 0.65, 0.7, 0.8, 0.9, 0.95]
  rate: [0.25, 0.5, 1.0]
  architecture: two_layer
  dimension: 40
  init: [random, identity]
  seed: {count: 2}
"""

OVERCOMPLETE = """\
name: overcomplete
axes:
  source: sparse
  base: rademacher
  sparsity: 0.3
  rate: 1.5
  architecture: two_layer
  dimension: 40
  seed: {count: 2}
"""

BASES = """\
name: bases
axes:
  source: sparse
  base: [uniform, generalized_gaussian]
  shape: 4.0
  sparsity: [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0]
  rate: 1.0
  architecture: two_layer
  dimension: 40
  init: [random, identity]
  seed: {count: 2}
"""

HEAVY_TAILS = """\
name: heavy_tails
axes:
  source: sparse
  base: [gaussian, laplace]
  sparsity: [0.6, 0.8, 0.9, 1.0]
  rate: 1.0
  architecture: two_layer
  dimension: 40
  init: [random, identity]
  seed: {count: 2}
"""


def trained(text, place):
    study = place / "study.yaml"
    study.write_text(text)
    summary = run_study(load_study(study), str(place / "store"), progress=False)
    assert summary.complete
    return open_store(place / "store").to_pandas()


@pytest.fixture(scope="module")
def one_ray():
    """Embedded as a run starts it, for all studies."""
    with connected(None, os.cpu_count() or 1):
        yield


@pytest.fixture(scope="module")
def rademacher(one_ray, tmp_path_factory):
    return trained(RADEMACHER, tmp_path_factory.mktemp("rademacher"))


@pytest.fixture(scope="module")
def bases(one_ray, tmp_path_factory):
    return trained(BASES, tmp_path_factory.mktemp("bases"))


@pytest.fixture(scope="module")
def overcomplete(one_ray, tmp_path_factory):
    return trained(OVERCOMPLETE, tmp_path_factory.mktemp("overcomplete"))


@pytest.fixture(scope="module")
def heavy_tails(one_ray, tmp_path_factory):
    return trained(HEAVY_TAILS, tmp_path_factory.mktemp("heavy_tails"))


@pytest.mark.parametrize("rate", [0.25, 0.5, 1.0, 1.5])
def test_rotation_phase_has_the_gaussian_loss(rademacher, overcomplete, rate):
    rows = pd.concat([rademacher, overcomplete]).query("sparsity == 0.3 and init == 'random' and rate == @rate")
    assert len(rows) == 2
    np.testing.assert_allclose(rows["loss"], gaussian_loss(rate), atol=0.015)
    assert (rows["localization"] < 1.6 * 3 / 42).all()


@pytest.mark.parametrize("init", ["random", "identity"])
@pytest.mark.parametrize("sparsity", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("rate", [0.25, 0.5, 1.0])
def test_identity_phase_is_reached_from_either_start(rademacher, rate, sparsity, init):
    rows = rademacher.query("sparsity == @sparsity and init == @init and rate == @rate")
    assert len(rows) == 2
    np.testing.assert_allclose(rows["loss"], identity_loss(rate, sparsity), atol=0.01)
    assert (rows["localization"] > 0.95).all()
    assert (rows["coverage"] == 1).all()


def test_the_crossing_lies_at_two_over_pi_for_rademacher_data(rademacher):
    found = fit_boundary(rademacher[rademacher["rate"] <= 1], by=["rate"], estimator="crossing")
    np.testing.assert_allclose(found["critical"], 2 / np.pi, atol=0.03)
    np.testing.assert_allclose(found["theory"], 2 / np.pi)
    assert (found["low"] <= found["critical"]).all()
    assert (found["critical"] <= found["high"]).all()


def test_the_switch_comes_earlier_and_says_what_it_depends_on(rademacher):
    found = fit_boundary(rademacher[rademacher["rate"] <= 1], by=["rate"], estimator="switch")
    assert found["critical"].between(0.35, 0.75).all()
    assert found["theory"].isna().all()
    assert found["settings"].str.contains("learning_rate=0.02, surrogate_width=0.2").all()


@pytest.mark.parametrize("base", ["uniform", "generalized_gaussian"])
def test_the_crossing_of_other_bases_moves_with_their_first_moment(bases, base):
    found = fit_boundary(bases[bases["base"] == base], estimator="crossing").iloc[0]
    expected = critical_sparsity(base, 4.0 if base == "generalized_gaussian" else None)
    assert found["critical"] == pytest.approx(expected, abs=0.035)
    assert found["theory"] == pytest.approx(expected)


@pytest.mark.parametrize("base", ["gaussian", "laplace"])
def test_bases_without_a_transition_get_a_note_and_no_number(heavy_tails, base):
    found = fit_boundary(heavy_tails[heavy_tails["base"] == base], estimator="crossing").iloc[0]
    assert not found["critical"] < 0.97
    if base == "laplace":
        assert np.isnan(found["critical"])
    if np.isnan(found["critical"]):
        assert "identity" in found["note"]
