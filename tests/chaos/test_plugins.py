"""Plug-ins that kill their process, hang or raise: the cell that does it fails with its reason, the others are trained."""

import os
import shutil
import subprocess

import psutil
import pytest

from explorer import open_store
from tests.chaos.conftest import PLUGIN, PROGRAM, study_of

HARM = ["hangs", "kills", "raises"]


def by_start(store):
    table = open_store(store).to_pandas(["cell_key", "init", "seed", "status", "error", "loss"])
    assert table["cell_key"].is_unique
    return {init: table[table["init"] == init] for init in table["init"]}


@pytest.fixture(scope="module")
def harmed(environment, tmp_path_factory):
    """Two packs of two cells, of which one trains; the limit is long enough for a busy machine's imports."""
    place = tmp_path_factory.mktemp("harmed")
    study = study_of(
        place / "study.yaml",
        architecture="deadly", init="[hangs, kills, raises, random]", sparsity="[0.5]", pack=2, limit=12,
    )  # fmt: skip
    command = [*PROGRAM, "run", str(study), "--out", str(place / "store")]
    return place, subprocess.run(command, capture_output=True, text=True, env=environment, timeout=400, check=False)


def test_cells_that_kill_hang_or_raise_fail_alone_and_say_so(harmed):
    place, done = harmed
    said, found = done.stdout + done.stderr, by_start(place / "store")
    failed = sum(len(found[init]) for init in HARM)
    print(f"3 of 4 cells did harm: {failed} failed rows, {len(found['random'])} trained\n{said}")
    assert done.returncode == 3, said
    assert "4 of 4 cells, 4 trained now" in said
    assert "3 failed" in said
    assert set(found["random"]["status"]) <= {"converged", "budget"}
    assert found["random"]["loss"].notna().all()
    for init, words in zip(
        HARM, ["resources.time_limit): it hung", "its process died each time", "ValueError"], strict=True
    ):
        assert set(found[init]["status"]) == {"failed"}
        assert words in found[init]["error"].item()
    assert not list((place / "store" / "checkpoints").glob("*"))


def test_with_the_plugin_mended_retry_failed_trains_exactly_the_cells_that_did_harm(
    harmed, tmp_path, explorer, environment
):
    """The same command again; what was well before keeps its row, and each cell stands in the store once."""
    shutil.copytree(harmed[0] / "store", tmp_path / "store")
    mended = tmp_path / "mended"
    mended.mkdir()
    start = PLUGIN.index("        if init")
    (mended / "deadly_plugin.py").write_text(PLUGIN[:start] + PLUGIN[PLUGIN.index("        super().initialise") :])
    before = by_start(tmp_path / "store")
    path = os.pathsep.join([str(mended), environment["PYTHONPATH"]])
    code, said = explorer(
        "run", harmed[0] / "study.yaml", "--out", tmp_path / "store", "--retry-failed", PYTHONPATH=path
    )
    assert code == 0, said
    assert "4 of 4 cells, 3 trained now" in said
    found = by_start(tmp_path / "store")
    assert found.keys() == before.keys() == {*HARM, "random"}
    for init, row in found.items():
        assert len(row) == 1
        assert set(row["status"]) <= {"converged", "budget"}, init
        assert row["error"].isna().all()
    assert found["random"].equals(before["random"])


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
