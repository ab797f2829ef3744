"""Processes that are killed in the middle of a pack while the store is in an object store: checkpoints are kept there as on a disk."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from explorer import load_study, open_store
from explorer.cells import Pack
from explorer.engine import checkpoints
from explorer.engine.job import PackJob
from explorer.errors import StoreError
from explorer.sections import Keep
from explorer.store.files import Files
from explorer.training.program import compiler_available
from tests.chaos.conftest import alone, stored, study_of
from tests.chaos.test_checkpoints import finish
from tests.object_store.server import s3_server

STEPS, PACK = 800, 4

WORKER = """
import sys
from explorer import load_study
from explorer.cells import Pack
from explorer.engine.job import PackJob
from explorer.sections import Keep
from explorer.store import StoreWriter
study, store = load_study(sys.argv[1]), sys.argv[2]
StoreWriter(store).create()
job = PackJob(Pack(tuple(study.cells), len(study.cells)), store, Keep(), checkpoint_seconds=0.1)
while not job.published:
    job.advance(0.1)
"""


@pytest.fixture(scope="module")
def endpoint():
    pytest.importorskip("moto", reason="the endpoint is moto, of the extra `test`")
    with s3_server() as server, pytest.MonkeyPatch.context() as patched:
        for name, value in server.environment.items():
            patched.setenv(name, value)
        server.make_bucket("studies")
        yield server


def saved(uri) -> dict[str, int]:
    """The steps of each cell that is in a checkpoint."""
    return {key: steps for header in checkpoints.headers(Files(uri)) for key, steps in header.steps.items()}


def killed_in_the_middle(process, uri, before=0):
    """End a process at once as soon as more steps than these are saved; the steps that are saved then."""
    deadline = time.monotonic() + 240
    while sum(saved(uri).values()) <= before:
        assert process.poll() is None, "it ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return saved(uri)


def rows_of(uri):
    try:
        return stored(open_store(uri))
    except StoreError:
        return {}


@pytest.fixture
def without_compiler(environment, monkeypatch):
    """This process as those of `environment` are; it is asked once, by whichever test comes first."""
    monkeypatch.setenv("PATH", environment["PATH"])
    for name in ("CXX", "CC"):
        monkeypatch.delenv(name, raising=False)
    compiler_available.cache_clear()
    yield
    compiler_available.cache_clear()


def test_a_pack_whose_worker_is_killed_goes_on_from_its_checkpoint_in_the_bucket_to_the_same_bits(
    endpoint, environment, without_compiler, tmp_path
):
    study, uri = study_of(tmp_path / "study.yaml", steps=STEPS, pack=PACK), endpoint.uri("studies/worker")
    command = [sys.executable, "-c", WORKER, study, uri]
    process = subprocess.Popen(command, env={**environment, **endpoint.environment})
    steps = killed_in_the_middle(process, uri, PACK * STEPS // 4)
    assert rows_of(uri) == {}
    assert len(steps) == PACK
    assert all(0 < taken < STEPS for taken in steps.values())
    job = PackJob(Pack(tuple(load_study(study).cells), PACK), uri, Keep(), goes_on=True)
    (note,) = job.notes()
    assert note == f"{PACK} of {PACK} cells go on from a checkpoint, {sum(steps.values())} steps in all"
    finish(job)
    print(f"a worker killed after {sum(steps.values())} of {PACK * STEPS} steps: {note}")
    assert rows_of(uri) == alone(study, PACK)
    assert saved(uri) == {}


@pytest.mark.chaos_full
@pytest.mark.timeout(900)
def test_a_driver_and_its_workers_killed_in_the_middle_lose_no_cell_and_no_bit(endpoint, explorer, tmp_path):
    """Twice: the packs of the second run are those of the first, and go on from what that saved."""
    study = study_of(
        tmp_path / "study.yaml",
        sparsity="{from: 0.2, to: 0.9, count: 8}",
        seed="[0, 1]",
        steps=4000,
        pack=PACK,
        every=0.5,
    )
    uri, kept, steps = endpoint.uri("studies/driver"), {}, {}
    for _ in range(2):
        steps = killed_in_the_middle(
            explorer.start("run", study, "--out", uri, **endpoint.environment), uri, sum(steps.values())
        )
        now = rows_of(uri)
        assert kept.items() <= now.items()
        kept = now
    code, said = explorer("run", study, "--out", uri, **endpoint.environment)
    assert code == 0, said
    log = b"".join(Files(uri).read_all(Files(uri).listing("logs", ".log"))).decode()
    assert "cells go on from a checkpoint" in log
    rows = rows_of(uri)
    [status] = json.loads(explorer("status", uri, "--format", "json", **endpoint.environment)[1])
    assert (status["done"], status["missing"], status["cells"]) == (16, 0, 16)
    print(f"drivers killed 2 times, the store on S3: {len(rows)} of {len(load_study(study).cells)} cells, 0 twice")
    assert rows == alone(study, PACK)
    assert saved(uri) == {}
