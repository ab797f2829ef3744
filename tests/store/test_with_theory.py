import time

import numpy as np
import pandas as pd
import pytest

from explorer.store import StoreWriter, open_store
from explorer.theory import denoiser_loss, gaussian_loss, identity_loss, mixed_loss, multilayer_loss, rate_distortion
from tests.store.parts import gaussian, outcomes, sparse


@pytest.fixture
def store(tmp_path):
    writer = StoreWriter(str(tmp_path / "store"))
    writer.create()
    writer.publish("a", outcomes([sparse(sparsity=p, rate=r) for p in (0.3, 0.8) for r in (0.5, 1.0, 1.5)]))
    writer.publish("b", outcomes([gaussian(rate=0.5), gaussian(rate=1.0, activation="tanh")]))
    return open_store(tmp_path / "store")


def test_each_row_has_the_predictions_for_its_settings(store):
    frame = store.with_theory()
    pd.testing.assert_frame_equal(frame[store.to_pandas().columns], store.to_pandas())
    row = frame[(frame.sparsity == 0.8) & (frame.rate == 1.0)].iloc[0]
    point = (1.0, 0.8, "rademacher")
    assert row.theory_linear == pytest.approx(float(gaussian_loss(1.0)))
    assert row.theory_identity == pytest.approx(float(identity_loss(*point)))
    assert row.theory_mixed == pytest.approx(float(mixed_loss(*point)[0]))
    assert row.theory_denoiser == pytest.approx(float(denoiser_loss(*point)))
    assert row.theory_multilayer == pytest.approx(float(multilayer_loss(*point)))
    assert row.theory_shannon == pytest.approx(float(rate_distortion(*point)[0]))
    assert np.isnan(row.theory_loss)


def test_where_no_formula_is_known_the_entry_is_missing(store):
    frame = store.with_theory()
    beyond = frame[frame.rate == 1.5]
    assert beyond[["theory_identity", "theory_mixed", "theory_denoiser", "theory_multilayer"]].isna().all(axis=None)
    assert beyond[["theory_linear", "theory_shannon"]].notna().all(axis=None)
    dense = frame[frame.source == "gaussian"].set_index("activation")
    assert dense.theory_loss["sign"] == pytest.approx(float(gaussian_loss(0.5)))
    assert dense.theory_loss["tanh"] == pytest.approx(float(gaussian_loss(1.0, "tanh")))
    assert dense.theory_shannon["sign"] == pytest.approx(0.5)
    assert np.isnan(dense.theory_shannon["tanh"])
    assert dense.theory_identity.isna().all()


def test_columns_and_rows_can_be_chosen(store):
    frame = store.with_theory(["loss"], where="sparsity = 0.3")
    assert len(frame) == 3
    assert frame.columns[0] == "loss"
    assert all(name.startswith("theory_") for name in frame.columns[1:])
    assert "theory_loss" not in frame


def test_empty_store_has_no_theory(tmp_path):
    StoreWriter(str(tmp_path / "none")).create()
    assert open_store(tmp_path / "none").with_theory().empty


def test_repeated_settings_cost_one_evaluation(tmp_path):
    writer = StoreWriter(str(tmp_path / "many"))
    writer.create()
    writer.publish("a", outcomes([sparse(seed, sparsity=0.31, rate=0.5) for seed in range(2000)]))
    start = time.perf_counter()
    frame = open_store(tmp_path / "many").with_theory()
    assert frame.theory_multilayer.nunique() == 1
    assert time.perf_counter() - start < 20
