"""Details of single cells: encoder, curve, machine; as many as a budget holds."""

import base64

import numpy as np
import pytest

from explorer.analysis.encoders import sort_encoder
from explorer.report.columns import read_cells
from explorer.report.details import LARGEST_SIDE, MOST_CURVE_POINTS, details, embedded
from explorer.report.png import data_uri, picture
from tests.report.stores import members, publish, rows


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return publish(tmp_path_factory.mktemp("store"), members())


def test_a_cell_has_its_own_encoder_curve_and_machine(store):
    key = members()[7].key
    found = details(store, [key])[key]
    encoder = store.minimizer(key)["encoder"]
    limit = found["encoder"]["limit"]
    assert found["encoder"]["picture"] == data_uri(picture(sort_encoder(encoder), float(np.abs(encoder).max())))
    assert limit == pytest.approx(np.abs(encoder).max(), rel=1e-3)
    assert found["curve"] == {"step": [1, 2], "loss": [0.5, 0.25]}
    assert found["made"]["host"] == "machine"
    assert found["made"]["finished_at"] == "2026-01-01 00:00:00 UTC"


def test_unknown_and_hostile_keys_have_no_details(store):
    assert details(store, ["0" * 20, "x' OR 1=1 --", ""]) == {}


def test_each_point_comes_before_a_second_seed(store):
    cells = read_cells(store)
    of = {cell.key: cell.settings for cell in members()}
    points = len({(of[k]["sparsity"], of[k]["rate"], of[k]["init"]) for k in cells.keys})
    first = list(embedded(store, cells, 1e9).details)[:points]
    assert len({(of[k]["sparsity"], of[k]["rate"], of[k]["init"]) for k in first}) == points


def test_the_budget_is_kept(store):
    cells = read_cells(store)
    whole = embedded(store, cells, 1e9)
    assert (whole.cells, whole.encoders, whole.kept_encoders) == (len(cells.keys),) * 3
    some = embedded(store, cells, 10_000)
    assert 0 < some.cells < whole.cells
    assert len(str(some.details)) < 12_000
    assert embedded(store, cells, 0).details == {}


def test_a_failed_cell_has_its_error(tmp_path):
    cells = members(rate=1.0, init="random", seed=0)
    store = publish(tmp_path, cells, rows(cells, status="failed", error="it <b>broke</b>"), kept=False)
    assert details(store, [cells[0].key])[cells[0].key]["error"] == "it <b>broke</b>"


def test_long_curves_and_wide_encoders_are_thinned(tmp_path):
    import pyarrow as pa

    from explorer.records import CURVES, MINIMIZERS
    from explorer.store import StoreWriter, open_store

    cell = members()[0]
    publish(tmp_path, [cell], kept=False)
    curve = pa.table({"cell_key": [cell.key] * 1000, "pack_key": ["more"] * 1000, "step": range(1000),
                      "loss": [float("nan"), *np.linspace(1, 0.1, 999)]}, schema=CURVES)  # fmt: skip
    wide = np.zeros((2, 1000), dtype=np.float32)
    wide[1, 999] = -1
    matrix = pa.Table.from_pylist([{"cell_key": cell.key, "pack_key": "more", "name": "encoder", "rows": 2, "columns": 1000,
                                    "values": wide.ravel().tolist()}], schema=MINIMIZERS)  # fmt: skip
    written = pa.Table.from_pylist(rows([cell], pack="more"), schema=open_store(tmp_path).schema)
    store = open_store(tmp_path)
    for path in [*tmp_path.glob("cells/*.parquet")]:
        path.unlink()
    StoreWriter(str(tmp_path)).publish("more", written, curve, matrix)
    found = details(store.refresh(), [cell.key])[cell.key]
    assert len(found["curve"]["step"]) == MOST_CURVE_POINTS
    assert (found["curve"]["step"][0], found["curve"]["step"][-1], found["curve"]["loss"][0]) == (0, 999, None)
    assert found["encoder"]["pooled"]
    width = int.from_bytes(base64.b64decode(found["encoder"]["picture"].partition(",")[2])[16:20], "big")
    assert 100 < width <= LARGEST_SIDE
