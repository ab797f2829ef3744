"""Stores that are full, read-only or away for a while: results wait, and nothing half is left behind."""

import os
import resource
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from explorer import open_store
from explorer.cells import Pack
from explorer.engine import job as module
from explorer.engine.job import PackJob
from explorer.errors import StoreError
from explorer.sections import Keep
from explorer.store import StoreWriter
from tests.chaos.conftest import study_of
from tests.chaos.test_checkpoints import CELLS, WIDTH, finish

CHILD = """
import sys
from explorer.cells import Pack
from explorer.engine.job import PackJob
from explorer.sections import Keep
from explorer.store import StoreWriter
from tests.chaos.conftest import study_of
from tests.chaos.test_checkpoints import CELLS, WIDTH
{before}
StoreWriter(sys.argv[1]).create()
job = PackJob(Pack(tuple(CELLS), WIDTH), sys.argv[1], Keep(curves=True, minimizers=True), checkpoint_seconds=1e-6)
while not job.published:
    job.advance(0.5)
    for note in job.notes():
        print(note, flush=True)
    {each}
"""


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(module, "PAUSES", (0.01,))


def new_job(place, cells=CELLS):
    StoreWriter(str(place)).create()
    return PackJob(Pack(tuple(cells), WIDTH), str(place), Keep())


def waiting(working):
    """Work until a result waits for the store."""
    for _ in range(1000):
        working.advance(0.1)
        notes = working.notes()
        if notes:
            return notes
    raise AssertionError("the store took everything")


def child(place, before="", each="pass", wrapper=(), environment=None):
    code = textwrap.dedent(CHILD).format(before=before, each=each)
    return subprocess.run(
        [*wrapper, sys.executable, "-c", code, str(place)], capture_output=True, text=True, timeout=200, check=False,
        cwd=Path(__file__).parents[2], env=environment,
    )  # fmt: skip


def test_a_store_that_is_away_and_comes_back_gets_every_result(tmp_path, quick):
    store, away = tmp_path / "store", tmp_path / "away"
    working = new_job(store)
    store.rename(away)
    store.write_text("a file where the store was: nothing can be written below it")
    assert "waiting for the store" in waiting(working)[0]
    store.unlink()
    away.rename(store)
    finish(working)
    found = open_store(store).keys()
    print(f"store away while results waited: {len(found)} of {len(CELLS)} cells")
    assert found == {cell.key for cell in CELLS}


def test_a_store_that_stays_away_is_an_error_that_says_where(tmp_path, quick, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.2)
    store = tmp_path / "store"
    working = new_job(store)
    store.rename(tmp_path / "gone")
    store.write_text("")
    with pytest.raises(StoreError, match=f"{store}/.*could not be written"):
        finish(working)


def test_files_that_may_not_grow_are_waited_for_and_leave_nothing_half(tmp_path, environment):
    """What a full quota does: the kernel refuses the bytes, not the file. Without a compiler, whose files may not grow either."""
    before = f"""
import resource, signal
from explorer.engine import job as module
module.PAUSES = (0.01,)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, {resource.RLIM_INFINITY}))
"""
    each = "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2) if len(job.results) == len(CELLS) else None"
    done = child(tmp_path / "store", before, each, environment=environment)
    assert done.returncode == 0, done.stderr
    assert "waiting for the store" in done.stdout
    assert "File too large" in done.stdout
    found = open_store(tmp_path / "store").keys()
    print(f"disk quota reached while training: {len(found)} of {len(CELLS)} cells")
    assert len(found) == len(CELLS)
    assert not list((tmp_path / "store").rglob(".tmp-*"))


def test_a_full_disk_that_is_given_room_again_loses_nothing(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    mount = (
        f"mount -t tmpfs -o size=64k tmpfs {place} && dd if=/dev/zero of={place}/filler bs=1k count=48 2>/dev/null && "
    )
    namespace = ["unshare", "-rm", "sh", "-c"]
    tried = subprocess.run([*namespace, mount + "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no mount namespace here: {tried.stderr.strip()}")
    before = "from explorer.engine import job as module\nmodule.PAUSES = (0.01,)\nimport os, time"
    each = f"os.path.exists('{place}/filler') and len(job.results) == len(CELLS) and os.remove('{place}/filler')"
    keep = f'"$@"; code=$?; cp -r {place}/store {tmp_path}/kept; exit $code'
    done = child(place / "store", before, each, [*namespace, mount + keep, "sh"])
    assert done.returncode == 0, done.stderr
    assert "No space left on device" in done.stdout
    found = open_store(tmp_path / "kept").keys()
    print(f"full disk: {len(found)} of {len(CELLS)} cells, nothing half")
    assert len(found) == len(CELLS)


def test_of_a_cell_published_again_by_a_clock_that_went_back_one_row_counts(tmp_path, monkeypatch):
    store = tmp_path / "store"
    finish(new_job(store, CELLS[:2]))
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 3600 * 10**9)
    finish(new_job(store, CELLS[:3]))
    table = open_store(store).to_pandas(["cell_key", "status"])
    assert sorted(table["cell_key"]) == sorted(cell.key for cell in CELLS[:3])


UNTRAINED = """
import sys
import explorer.engine.cluster as cluster

def connected(*given):
    raise SystemExit("Ray was about to start")

cluster.connected = connected
from explorer.cli import main
main()
"""


@pytest.fixture
def read_only(tmp_path):
    """Makes a folder one that cannot be written, whoever runs the program; gives what to put before a command for that."""

    def made(place: Path) -> list[str]:
        mount = f'mount --bind {place} {place} && mount -o remount,bind,ro {place} && exec "$@"'
        wrapper = ["unshare", "-rm", "sh", "-c", mount, "sh"]
        if not subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode:
            return wrapper
        if os.geteuid():
            place.chmod(0o500)
            return []
        wrapper = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        for folder in (tmp_path, *list(tmp_path.parents)[:-2]):
            folder.chmod(folder.stat().st_mode | 0o055)
        tried = [*wrapper, sys.executable, "-c", "import os, sys, explorer; os.listdir(sys.argv[1])", str(place)]
        found = subprocess.run(tried, capture_output=True, text=True, check=False)
        if found.returncode:
            pytest.skip(f"no mount namespace here, and nobody else may run the program: {found.stderr.strip()}")
        return wrapper

    yield made
    for folder in tmp_path.rglob("*/"):
        folder.chmod(0o700)


@pytest.mark.parametrize("there", [False, True], ids=["no store yet", "a store is there"])
def test_a_store_that_may_not_be_written_is_refused_before_ray_starts_and_can_be_read(tmp_path, read_only, there):
    study, place = study_of(tmp_path / "study.yaml"), tmp_path / "locked"
    place.mkdir()
    if there:
        StoreWriter(str(place / "store")).create()
    before = sorted(place.rglob("*"))
    program = [*read_only(place), sys.executable, "-c", UNTRAINED]

    def call(*words):
        return subprocess.run([*program, *map(str, words)], capture_output=True, text=True, timeout=200, check=False)

    done = call("run", study, "--out", place / "store")
    assert done.returncode == 2, done.stderr
    assert f"{place}/store" in done.stderr
    assert "could not be written" in done.stderr
    assert sorted(place.rglob("*")) == before
    if there:
        assert call("status", place / "store").returncode == 0


def test_a_study_of_which_every_cell_diverged_is_done_and_says_so(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    import explorer.engine
    from explorer.cli import app
    from explorer.engine import RunSummary

    study = tmp_path / "study.yaml"
    study.write_text(
        "name: wild\naxes: {source: sparse, sparsity: 0.5, architecture: two_layer, dimension: 4, rate: 1.0}\n"
    )
    summary = RunSummary("store", 1, 1, 1, 1, 0, 0.1, False, 1)
    monkeypatch.setattr(explorer.engine, "run_study", lambda *given: summary)
    done = CliRunner().invoke(app, ["run", str(study)])
    assert done.exit_code == 0
    assert "every cell diverged" in done.stderr
