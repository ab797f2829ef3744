"""Plug-ins that kill their process, hang or raise: the cell that does it fails with its reason, the others are trained."""

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
