import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer.cells import Pack
from explorer.datasets import matrices
from explorer.errors import StudyError
from explorer.study import Study
from explorer.training import PackRun
from tests.sources.cells import cell, draw, law_of, reference, uniforms

SHARED = Path(__file__).parents[3] / "shared" / "data"
STUDY = "name: s\naxes:\n  source: images\n  architecture: two_layer\n  rate: 0.5\n"


def images(**settings):
    return cell("images", **settings)


def table(which, split="training"):
    return law_of(which).table(which.settings, split)


def rows_of(array):
    return {row.tobytes() for row in np.asarray(array, dtype=np.float32)}


def test_dimension_and_fingerprint_follow_from_the_files():
    found = images().settings
    assert found["dimension"] == 64
    assert found["fingerprint"] == matrices("digits").fingerprint
    assert images(patch=4).settings["dimension"] == 16
    assert images(dimension=64).key == images().key
    with pytest.raises(StudyError, match='dimension: found 32, expected 64, which source "images" has here'):
        images(dimension=32)


def test_training_and_evaluation_rows_are_disjoint():
    training, evaluation = table(images()), table(images(), "evaluation")
    assert training.shape == (1438, 64)
    assert evaluation.shape == (359, 64)
    assert len(rows_of(training) & rows_of(evaluation)) == 0


def test_data_are_rows_of_the_table_each_as_often():
    u = torch.linspace(2**-24, 1 - 2**-24, 1438 * 4)[:, None]
    x = draw(images(), u)
    assert rows_of(x) == rows_of(table(images()))
    _, counts = np.unique(x.numpy(), axis=0, return_counts=True)
    assert counts.max() <= 5


def test_fewer_samples_are_part_of_more_and_the_seed_chooses_them():
    small, large = table(images(samples=50)), table(images(samples=200))
    assert (len(small), len(large)) == (50, 200)
    assert np.array_equal(small, large[:50])
    assert rows_of(large) <= rows_of(table(images()))
    assert rows_of(table(images(samples=50, seed=1))) != rows_of(small)
    assert rows_of(table(images(samples=1438))) == rows_of(table(images()))
    assert np.array_equal(table(images(samples=50), "evaluation"), table(images(), "evaluation"))


def test_covariance_is_that_of_the_rows_in_use():
    for which in (images(samples=40), images(scaling="none"), images(whitening="zca", shrinkage=0.1)):
        for name, split in (("covariance", "training"), ("evaluation_covariance", "evaluation")):
            rows = table(which, split).astype(np.float64)
            np.testing.assert_allclose(reference(which)[name], rows.T @ rows / len(rows), atol=1e-9)


def test_streams_share_one_table_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = (torch.from_numpy(table(images(seed=seed))) for seed in (0, 1))
    assert first.data_ptr() == second.data_ptr()


def test_images_in_the_unit_interval_can_be_bernoulli_means():
    x = draw(images(scaling="none", distortion="cross_entropy"), 1000)
    assert x.min() >= 0
    assert x.max() <= 1
    with pytest.raises(StudyError, match="cross_entropy needs data in"):
        images(distortion="cross_entropy")


def test_training_sees_the_training_rows_alone():
    run = PackRun(Pack((images(samples=7, steps=2, batch=64, evaluation_samples=64),), 1), compiled=False)
    latents = run.data.latent(run.pack.cells[0].stream, "training", 0, 64)
    assert rows_of(latents[:, 0].numpy()) <= rows_of(table(images(samples=7)))
    run.advance(2)
    assert np.isfinite(run.finish()[0].loss)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dataset": "dgits"}, 'dataset "dgits": found no such folder'),
        ({"dataset": "../digits"}, r'dataset: "../digits" is outside digits, or the name of a folder'),
        (
            {"samples": 2000},
            "samples: found 2000, and there are 1438 images to train on, expected at most these, or inf",
        ),
        ({"channels": 2}, "found channels 2, expected 1"),
        ({"channels": 3}, "found channels 3 for images of 8 × 8 grey"),
        ({"patch": 9}, "found patch 9 for images of 8 × 8"),
        ({"test_share": 1.0}, r"test_share: 1 is outside \(0, 1\)"),
    ],
)
def test_images_that_are_not_there_are_refused(settings, message, monkeypatch, tmp_path):
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))
    with pytest.raises(StudyError, match=message):
        images(**settings)


def test_whitening_needs_a_scaling():
    assert images(scaling="none", whitening="pca").key == images(scaling="none").key
    assert "shrinkage" not in images().settings
    assert "shrinkage" in images(whitening="pca").settings


def test_study_of_images_needs_no_dimension_and_says_what_is_wrong(monkeypatch, tmp_path):
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))
    study = Study(STUDY + "  samples: [10, inf]\n  scaling: [global, standard]\n", "s.yaml")
    assert {c.settings["dimension"] for c in study.cells} == {64}
    assert len(study.cells) == 4
    with pytest.raises(StudyError, match=r's\.yaml:\d: axes\.\w+: dataset "minst": found no such folder'):
        _ = Study(STUDY + "  dataset: minst\n", "s.yaml").cells
    with pytest.raises(StudyError, match=r"s\.yaml:6: axes\.samples: found 5000, and there are 1438 images"):
        _ = Study(STUDY + "  samples: 5000\n", "s.yaml").cells
    with pytest.raises(StudyError, match="fingerprint"):
        _ = Study(STUDY + "  fingerprint: 0123456789abcdef\n", "s.yaml").cells


def write(folder, seed):
    folder.mkdir(exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 1, 4, 5), dtype=np.uint8)
    head = b"\x00\x00\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (20, 4, 5))
    (folder / "train-images-idx3-ubyte").write_bytes(head + pixels.tobytes())


def test_other_files_are_other_cells_and_are_not_trained_on(monkeypatch, tmp_path):
    for place, seed in (("here", 0), ("there", 1)):
        (tmp_path / place).mkdir()
        write(tmp_path / place / "noise", seed)
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "here"))
    here = images(dataset="noise")
    assert here.settings["dimension"] == 20
    assert table(here).shape == (16, 20)
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "there"))
    assert images(dataset="noise").key != here.key
    with pytest.raises(StudyError, match='dataset "noise": this node has other files: found the fingerprint'):
        table(here)
    with pytest.raises(StudyError, match="this node has other files"):
        reference(here)


def test_files_that_change_are_seen(monkeypatch, tmp_path):
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))
    write(tmp_path / "noise", 0)
    before = images(dataset="noise").key
    write(tmp_path / "noise", 1)
    assert images(dataset="noise").key != before


@pytest.mark.skipif(not (SHARED / "mnist").is_dir(), reason="no MNIST files beside the repository")
def test_mnist_is_read(monkeypatch):
    monkeypatch.setenv("EXPLORER_DATA", str(SHARED))
    which = images(dataset="mnist", samples=100)
    assert which.settings["dimension"] == 784
    assert table(which).shape == (100, 784)
    x = draw(cell("masked", inner="images", dataset="mnist", samples=100, sparsity=0.5), 300)
    assert 0.4 < (x == 0).double().mean().item() < 0.7


@pytest.mark.skipif(not (SHARED / "cifar10").is_dir(), reason="no CIFAR-10 files beside the repository")
def test_patches_of_cifar_are_read(monkeypatch):
    monkeypatch.setenv("EXPLORER_DATA", str(SHARED))
    which = images(dataset="cifar10", channels=3, patch=6)
    assert which.settings["dimension"] == 108
    x = draw(which, uniforms(law_of(which), 5000)).double()
    assert x.square().mean().item() == pytest.approx(1, abs=0.1)
