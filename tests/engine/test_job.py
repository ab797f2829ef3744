"""What becomes of a pack when something in it goes wrong."""

import os

import pytest
import torch

from explorer.architectures import architectures
from explorer.architectures.two_layer import TwoLayer
from explorer.cells import Cell, Pack
from explorer.engine.job import PackJob
from explorer.errors import StoreError
from explorer.sections import Keep
from explorer.store import StoreWriter, open_store


class Fragile(TwoLayer):
    """A plug-in that raises for some starts, or runs out of memory in wide packs."""

    inits = ("random", "identity", "broken")
    memory: int | None = None

    def initialise(self, init, generator):
        if init == "broken":
            raise ValueError("this start\nis broken")
        super().initialise("random" if init == "random" else "identity", generator)


class AlwaysBroken(Fragile):
    def initialise(self, init, generator):
        AlwaysBroken.tried += 1
        raise ValueError("nothing works")

    tried = 0


@pytest.fixture(autouse=True)
def plugins(monkeypatch):
    architectures.load()
    members = {**architectures._members, "fragile": Fragile, "always_broken": AlwaysBroken}
    monkeypatch.setattr(architectures, "_members", members)
    AlwaysBroken.tried = 0


def cell(init="random", seed=0, architecture="fragile", **settings) -> Cell:
    return Cell.of(
        source="sparse", architecture=architecture, dimension=6, rate=1.0, sparsity=0.7, init=init, seed=seed,
        steps=10, batch=16, evaluation_samples=64, **settings,
    )  # fmt: skip


def run(cells, tmp_path, width=None):
    store = tmp_path / "store"
    StoreWriter(str(store)).create()
    job = PackJob(Pack(tuple(cells), width or len(cells)), str(store), Keep(curves=True))
    for _ in range(200):
        job.advance(0.05)
        if job.published:
            return job, open_store(store).to_pandas().set_index("cell_key")
    raise AssertionError("the job does not end")


def test_a_cell_that_raises_fails_alone(tmp_path):
    bad = cell("broken")
    good = [cell(seed=s) for s in range(5)]
    job, rows = run([*good[:2], bad, *good[2:]], tmp_path)
    assert len(rows) == 6
    assert rows.loc[bad.key, "status"] == "failed"
    assert "ValueError: this start" in rows.loc[bad.key, "error"]
    assert rows.loc[[c.key for c in good], "loss"].notna().all()
    said = job.summary()
    counts = {"done": True, "cells": 6, "fraction": 1.0, "diverged": 0, "failed": 1, "trained": 5, "safe": 6.0}
    assert {name: said[name] for name in counts} == counts


def test_an_error_that_is_not_the_cells_fault_is_the_jobs_after_few_tries(tmp_path):
    cells = [cell(seed=s, architecture="always_broken") for s in range(32)]
    with pytest.raises(RuntimeError, match="every cell fails: ValueError: nothing works"):
        run(cells, tmp_path)
    assert AlwaysBroken.tried < 12
    assert open_store(tmp_path / "store").to_pandas().empty


def test_a_store_that_this_node_cannot_see_is_not_invented(tmp_path):
    with pytest.raises(StoreError, match="not visible from"):
        PackJob(Pack((cell(),), 1), str(tmp_path / "elsewhere"), Keep())
    assert not (tmp_path / "elsewhere").exists()


def test_a_pack_out_of_memory_goes_on_at_half_the_width(tmp_path, monkeypatch):
    from explorer.engine import job as module

    widths = []

    class Small(module.PackRun):
        def __init__(self, pack, device):
            widths.append(pack.width)
            if pack.width > 2:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            super().__init__(pack, device, compiled=False)

    monkeypatch.setattr(module, "PackRun", Small)
    cells = [cell(seed=s) for s in range(8)]
    _, rows = run(cells, tmp_path)
    assert len(rows) == 8
    assert set(rows["status"]) <= {"converged", "budget"}
    assert set(rows["pack_width"]) == {2}
    assert widths[:3] == [8, 4, 2]
    assert max(widths[2:]) <= 4


def test_a_cell_too_large_for_any_width_is_a_failed_row(tmp_path, monkeypatch):
    from explorer.engine import job as module

    class Never(module.PackRun):
        def __init__(self, pack, device):
            raise MemoryError("not enough memory")

    monkeypatch.setattr(module, "PackRun", Never)
    _, rows = run([cell(seed=s) for s in range(4)], tmp_path)
    assert set(rows["status"]) == {"failed"}
    assert rows["error"].str.contains("MemoryError").all()


def test_a_diverged_cell_is_a_row_without_numbers(tmp_path):
    wild = cell(optimizer="sgd", activation="identity", learning_rate=1e9)
    calm = cell(optimizer="sgd", activation="identity", learning_rate=1e-3)
    job, rows = run([wild, calm], tmp_path)
    assert rows.loc[wild.key, "status"] == "diverged"
    assert rows.loc[wild.key, ["loss", "loss_se", "localization"]].isna().all()
    assert rows.loc[calm.key, "loss"] > 0
    assert job.summary()["diverged"] == 1
    curves = open_store(tmp_path / "store").sql("SELECT DISTINCT cell_key FROM curves").column(0).to_pylist()
    assert set(curves) == {wild.key, calm.key}


def test_a_disk_that_stays_full_is_an_error_and_leaves_no_half_part(tmp_path, monkeypatch):
    from explorer.engine import job as module

    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.0)
    store = tmp_path / "store"
    StoreWriter(str(store)).create()
    job = PackJob(Pack((cell(),), 1), str(store), Keep())

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        job.advance(60)
    assert open_store(store).to_pandas().empty
    assert not [p for p in store.rglob("*") if p.is_file() and p.name != "store.json"]


def test_an_observable_that_raises_costs_its_cell_and_no_other(tmp_path, monkeypatch):
    from explorer.engine import rows as module

    def observed_of(result):
        if result.minimizer and result.cell.settings["seed"] == 1:
            raise ArithmeticError("this observable is broken")
        return {}

    monkeypatch.setattr(module, "observed_of", observed_of)
    cells = [cell(seed=s) for s in range(3)]
    _, rows = run(cells, tmp_path)
    assert rows.loc[cells[1].key, "error"] == "ArithmeticError: this observable is broken"
    assert rows.loc[[cells[0].key, cells[2].key], "loss"].notna().all()
