"""Plug-ins that kill their process, hang or raise: the cell that does it fails with its reason, the others are trained."""

import psutil
import pytest

from explorer import open_store
from tests.chaos.conftest import study_of


def by_start(store):
    table = open_store(store).to_pandas(["cell_key", "init", "seed", "status", "error", "loss"])
    assert table["cell_key"].is_unique
    return {init: table[table["init"] == init] for init in table["init"]}


def test_cells_that_kill_hang_or_raise_fail_alone_and_say_so(tmp_path, explorer):
    """Two packs of two cells, of which one trains; the limit is long enough for a busy machine's imports."""
    study, store, harm = tmp_path / "study.yaml", tmp_path / "store", ["hangs", "kills", "raises"]
    study_of(study, architecture="deadly", init="[hangs, kills, raises, random]", sparsity="[0.5]", pack=2, limit=12)
    code, said = explorer("run", study, "--out", store)
    found = by_start(store)
    failed = sum(len(found[init]) for init in harm)
    print(f"3 of 4 cells did harm: {failed} failed rows, {len(found['random'])} trained\n{said}")
    assert code == 3, said
    assert "4 of 4 cells, 4 trained now" in said
    assert "3 failed" in said
    assert set(found["random"]["status"]) <= {"converged", "budget"}
    assert found["random"]["loss"].notna().all()
    for init, words in zip(
        harm, ["resources.time_limit): it hung", "its process died each time", "ValueError"], strict=True
    ):
        assert set(found[init]["status"]) == {"failed"}
        assert words in found[init]["error"].item()
    assert not list((store / "checkpoints").glob("*"))


@pytest.mark.chaos_full
@pytest.mark.timeout(900)
def test_a_cell_that_leaks_is_killed_by_rays_memory_monitor_and_fails_alone(tmp_path, explorer):
    study, store = tmp_path / "study.yaml", tmp_path / "store"
    study_of(study, architecture="deadly", init="[leaks, random]", sparsity="[0.5]", seed="[0, 1]", pack=4)
    threshold = psutil.virtual_memory().percent / 100 + 0.1
    monitor = {"RAY_memory_usage_threshold": f"{threshold:.3f}", "RAY_memory_monitor_refresh_ms": "100"}
    code, said = explorer("run", study, "--out", store, timeout=800, **monitor)
    found = by_start(store)
    print(f"2 of 4 cells leaked: {len(found['leaks'])} failed rows, {len(found['random'])} trained")
    assert code == 3, said
    assert set(found["leaks"]["status"]) == {"failed"}
    assert found["leaks"]["error"].str.contains("its process died each time").all(), found["leaks"]["error"].tolist()
    assert found["leaks"]["error"].str.contains("memory").all()
    assert set(found["random"]["status"]) <= {"converged", "budget"}
