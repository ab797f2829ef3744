"""A pack as a trial of Ray Tune, without Ray's processes."""

import os

import pytest
import torch

from explorer.cells import Cell, Pack
from explorer.engine.supply import PackedCells
from explorer.engine.trial import PackTrial
from explorer.store import StoreWriter, open_store


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """A worker of a new store, given its share of a GPU and a configuration."""
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    StoreWriter(str(tmp_path / "store")).create()

    def started(config, gpus=0.0):
        trial = object.__new__(PackTrial)
        trial.setup(config, store=str(tmp_path / "store"), threads=1, gpus=gpus, home=os.getcwd())
        return trial

    yield started
    torch.set_num_threads(threads)


def config(number, seeds):
    cells = [
        Cell.of(source="sparse", architecture="two_layer", sparsity=0.5, dimension=6, rate=1.0, steps=10, batch=16,
                evaluation_samples=64, seed=seed)
        for seed in seeds
    ]  # fmt: skip
    return {"pack": number, "cells": PackedCells(Pack(tuple(cells), 2)), "slice": 60.0, "checkpoints": ()}


def finish(trial):
    """Steps until the pack is done; a busy machine may need more than one."""
    for _ in range(20):
        said = trial.step()
        if said["done"]:
            return said
    raise AssertionError(f"not done: {said}")


def test_a_worker_trains_one_pack_after_another_and_reports_none_of_their_cells(worker, tmp_path):
    trial = worker(config(0, (0, 1, 2)))
    finish(trial)
    assert trial.config == {"pack": 0}
    assert trial.reset_config(config(1, (3, 4)))
    assert finish(trial)["cells"] == 2
    rows = open_store(tmp_path / "store").to_pandas()
    assert sorted(rows["seed"]) == [0, 1, 2, 3, 4]
    assert set(rows["worker"]) == {os.getpid()}


@pytest.mark.parametrize(("gpus", "capped"), [(0.25, [0.25]), (1.0, []), (0.0, [])])
def test_a_worker_with_part_of_a_gpu_takes_no_more_than_that_part_of_its_memory(worker, monkeypatch, gpus, capped):
    fractions = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", fractions.append)
    worker(config(0, (0,)), gpus)
    assert fractions == capped
