import subprocess
import sys

import numpy as np
import pytest

from explorer.datasets import dimension_of, load, matrices
from explorer.datasets.rows import _distinct
from explorer.errors import StudyError
from tests.datasets.files import pixels, shared, write_cifar, write_idx, write_parquet


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the dataset `mine`."""
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))
    return tmp_path / "mine"


def refusal(dataset, **settings):
    with pytest.raises(StudyError) as caught:
        matrices(dataset, **settings)
    return str(caught.value)


def covariance(rows):
    centred = rows.astype(float) - rows.mean(axis=0, dtype=float)
    return centred.T @ centred / len(rows)


# Frozen: another value means that a stored study would be trained on other rows.
@pytest.mark.parametrize(
    ("settings", "fingerprint"),
    [({}, "4f1d5f2f46b29076"), ({"test_share": 0.5}, "93cf261cac724471"), ({"patch": 4}, "ebf416bae7e70432")],
)
def test_fingerprint_of_digits_is_frozen(settings, fingerprint):
    assert matrices("digits", **settings).fingerprint == fingerprint


def test_another_process_finds_the_same_rows():
    code = "from explorer.datasets import matrices; print(matrices('digits', patch=3).fingerprint)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == matrices("digits", patch=3).fingerprint


def test_fingerprint_is_of_the_rows_and_not_of_their_scale():
    plain = matrices("digits", scaling="none").fingerprint
    assert {matrices("digits", scaling=s).fingerprint for s in ("global", "standard")} == {plain}
    assert matrices("digits", whitening="zca").fingerprint == plain
    assert matrices("digits", test_share=0.3).fingerprint != plain


def test_equal_settings_are_one_object():
    assert matrices("digits", test_share=0.25) is matrices(dataset="digits", channels=1, test_share=0.25)


def test_matrices_cannot_be_written():
    for array in (matrices("digits").train, matrices("digits", scaling="none").test):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_digits_are_split_whole():
    found = matrices("digits", scaling="none")
    assert found.train.shape == (1438, 64)
    assert found.test.shape == (359, 64)
    assert found.train.dtype == found.test.dtype == np.float32
    assert found.shape == (1, 8, 8)
    rows = np.concatenate([found.train, found.test])
    originals = load("digits").train.reshape(-1, 64)
    assert np.array_equal(np.sort(rows.view("V256"), axis=0), np.sort(originals.copy().view("V256"), axis=0))


def test_split_of_the_files_is_kept_and_test_share_ignored(folder):
    write_idx(folder / "train-images-idx3-ubyte", pixels(6))
    write_idx(folder / "t10k-images-idx3-ubyte", pixels(3, seed=1))
    found = matrices("mine", scaling="none", test_share=0.5)
    assert np.array_equal(found.train, pixels(6).reshape(6, 64) / np.float32(255))
    assert np.array_equal(found.test, pixels(3, seed=1).reshape(3, 64) / np.float32(255))
    assert matrices("mine", scaling="none", test_share=0.1) is found


@pytest.mark.parametrize(("share", "held_out"), [(0.001, 1), (0.25, 1), (0.5, 2), (0.999, 3)])
def test_either_side_of_a_split_has_an_image(folder, share, held_out):
    write_idx(folder / "train-images-idx3-ubyte", pixels(4))
    assert len(matrices("mine", test_share=share, scaling="none").test) == held_out


def test_one_image_cannot_be_split(folder):
    write_idx(folder / "train-images-idx3-ubyte", pixels(1))
    assert "found one image, expected at least two" in refusal("mine")


def test_luminance_is_bt_601(folder):
    images = pixels(4, 3, 32)
    write_cifar(folder / "data_batch_1.bin", images)
    write_cifar(folder / "test_batch.bin", images[:2])
    found = matrices("mine", scaling="none")
    expected = np.tensordot(images / 255, [0.299, 0.587, 0.114], axes=(1, 0)).reshape(4, -1)
    np.testing.assert_allclose(found.train, expected, rtol=1e-6)
    assert found.shape == (1, 32, 32)


def test_colour_rows_are_channel_by_channel(folder):
    images = pixels(4, 3, 32)
    write_cifar(folder / "data_batch_1.bin", images)
    write_cifar(folder / "test_batch.bin", images[:2])
    found = matrices("mine", channels=3, scaling="none")
    assert np.array_equal(found.train, images.reshape(4, -1) / np.float32(255))
    assert found.shape == (3, 32, 32)


def test_white_is_one_as_luminance(folder):
    write_parquet(folder / "train.parquet", np.full((2, 3, 8, 8), 255, np.uint8))
    assert (matrices("mine", scaling="none").train == 1).all()


def test_patches_are_squares_of_their_own_split(folder):
    # Each pixel says which image and which place it is from.
    train = np.arange(3 * 8 * 8, dtype=np.uint8).reshape(3, 1, 8, 8)
    test = train[:1] + np.uint8(192)
    write_idx(folder / "train-images-idx3-ubyte", train)
    write_idx(folder / "t10k-images-idx3-ubyte", test)
    found = matrices("mine", patch=3, scaling="none")
    assert found.shape == (1, 3, 3)
    # All positions there are, each once.
    assert found.train.shape == (3 * 6 * 6, 9)
    assert found.test.shape == (6 * 6, 9)
    corners = np.rint(found.train[:, 0] * 255).astype(int)
    assert len(set(corners)) == len(corners)
    offsets = np.add.outer(8 * np.arange(3), np.arange(3)).ravel()
    assert np.array_equal(np.rint(found.train * 255), corners[:, None] + offsets)
    assert found.train.max() < 192 / 255 <= found.test.min()


def test_split_comes_before_patches(folder):
    images = np.repeat(np.arange(20, dtype=np.uint8), 64).reshape(20, 1, 8, 8)
    write_idx(folder / "train-images-idx3-ubyte", images)
    found = matrices("mine", patch=4, scaling="none")
    assert set(np.unique(found.train)).isdisjoint(np.unique(found.test))
    assert len(np.unique(found.test)) == 4


def test_there_are_at_most_so_many_patches():
    found = matrices("digits", patch=2, scaling="none")
    assert (len(found.train), len(found.test)) == (50_000, 10_000)


@pytest.mark.parametrize("total", [10, 100, 400, 401, 10**6, 10**13])
def test_distinct_numbers_are_distinct_and_spread(total):
    found = _distinct(total, 100, 1)
    assert len(np.unique(found)) == len(found) == min(total, 100)
    assert found.min() >= 0
    assert found.max() < total
    assert total < 100 or 0.35 < found.mean() / total < 0.65


def test_colour_patches_have_all_channels(folder):
    images = pixels(4, 3, 32)
    write_cifar(folder / "data_batch_1.bin", images)
    write_cifar(folder / "test_batch.bin", images[:2])
    found = matrices("mine", channels=3, patch=32, scaling="none")
    assert found.shape == (3, 32, 32)
    whole = matrices("mine", channels=3, scaling="none").train
    assert np.array_equal(np.sort(found.train, axis=0), np.sort(whole, axis=0))


def test_global_scaling_is_one_number():
    plain, scaled = matrices("digits", scaling="none"), matrices("digits", scaling="global")
    np.testing.assert_allclose(scaled.train.mean(axis=0), 0, atol=1e-5)
    assert scaled.train.astype(float).var(axis=0).mean() == pytest.approx(1, abs=1e-6)
    mean = plain.train.mean(axis=0, dtype=float)
    ratio = (
        (plain.test[:, 20] - mean[20]).astype(float) @ scaled.test[:, 20] / (scaled.test[:, 20] @ scaled.test[:, 20])
    )
    np.testing.assert_allclose(scaled.test, (plain.test - mean) / ratio, atol=1e-5)


def test_standard_scaling_leaves_constants_at_zero():
    plain, scaled = matrices("digits", scaling="none"), matrices("digits", scaling="standard")
    constant = np.ptp(plain.train, axis=0) == 0
    assert constant.any()
    assert not scaled.train[:, constant].any()
    assert not scaled.test[:, constant].any()
    np.testing.assert_allclose(scaled.train.std(axis=0, dtype=float)[~constant], 1, atol=1e-5)


def test_statistics_are_of_train_alone(folder):
    write_idx(folder / "train-images-idx3-ubyte", pixels(30))
    write_idx(folder / "t10k-images-idx3-ubyte", pixels(10, seed=1))
    settings = [{"scaling": "global"}, {"scaling": "standard"}, {"whitening": "zca", "shrinkage": 0.1}]
    before = [matrices("mine", **s).train for s in settings]
    write_idx(folder / "t10k-images-idx3-ubyte", pixels(12, seed=2) // 2)
    for s, train in zip(settings, before, strict=True):
        assert np.array_equal(matrices("mine", **s).train, train)
        assert len(matrices("mine", **s).test) == 12


@pytest.mark.parametrize("scaling", ["global", "standard"])
@pytest.mark.parametrize("whitening", ["pca", "zca"])
def test_whitened_rows_have_identity_covariance(scaling, whitening):
    found = matrices("digits", patch=4, scaling=scaling, whitening=whitening)
    np.testing.assert_allclose(covariance(found.train), np.eye(16), atol=1e-4)
    assert found.test.var(axis=0).mean() == pytest.approx(1, abs=0.1)


def test_zca_stays_close_to_the_image_and_pca_orders_by_variance():
    plain = matrices("digits", patch=4).train
    zca, pca = (matrices("digits", patch=4, whitening=w).train for w in ("zca", "pca"))
    assert all(np.corrcoef(plain[:, i], zca[:, i])[0, 1] > 0.4 for i in range(16))
    weights = np.linalg.norm(plain.T.astype(float) @ pca / len(plain), axis=0)
    assert (np.diff(weights) < 0).all()


def test_directions_without_variance_are_zero_and_do_not_explode():
    rank = np.linalg.matrix_rank(covariance(matrices("digits").train))
    assert rank < 64
    pca = matrices("digits", whitening="pca")
    np.testing.assert_allclose(covariance(pca.train), np.diag(np.arange(64) < rank), atol=1e-4)
    assert not pca.test[:, rank:].any()
    zca = covariance(matrices("digits", whitening="zca").train)
    np.testing.assert_allclose(zca @ zca, zca, atol=1e-4)
    assert np.trace(zca) == pytest.approx(rank, abs=1e-3)


def test_fewer_images_than_coordinates_are_whitened_within_their_span(folder):
    write_idx(folder / "train-images-idx3-ubyte", pixels(20))
    write_idx(folder / "t10k-images-idx3-ubyte", pixels(5, seed=1))
    found = matrices("mine", whitening="pca")
    np.testing.assert_allclose(covariance(found.train), np.diag(np.arange(64) < 19), atol=1e-4)
    assert np.abs(found.test).max() < 10


@pytest.mark.parametrize("shrinkage", [0.1, 1.0])
def test_shrinkage_moves_eigenvalues_to_their_mean(shrinkage):
    values = np.linalg.eigvalsh(covariance(matrices("digits").train))[::-1].clip(min=0)
    expected = values / ((1 - shrinkage) * values + shrinkage * values.mean())
    found = matrices("digits", whitening="pca", shrinkage=shrinkage)
    np.testing.assert_allclose(covariance(found.train), np.diag(expected), atol=1e-4)


def test_full_shrinkage_of_zca_is_global_scaling():
    plain, whole = matrices("digits"), matrices("digits", whitening="zca", shrinkage=1.0)
    np.testing.assert_allclose(whole.train, plain.train, atol=1e-4)


def test_shrinkage_without_whitening_does_nothing():
    assert matrices("digits", shrinkage=0.5) is matrices("digits")


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"channels": 3}, ["found channels 3 for images of 8 × 8 grey, expected channels 1"]),
        ({"channels": 2}, ["found channels 2, expected 1 (grey) or 3 (colour)"]),
        ({"patch": 9}, ["found patch 9 for images of 8 × 8, expected 1 to 8, or 0"]),
        ({"patch": -1}, ["found patch -1"]),
        ({"test_share": 0.0}, ["found test_share 0.0, expected a number in (0, 1)"]),
        ({"test_share": 1.0}, ["found test_share 1.0"]),
        ({"test_share": float("nan")}, ["found test_share nan"]),
        ({"scaling": "globl"}, ['no scaling "globl"', "none, global, standard", 'Did you mean "global"?']),
        ({"whitening": "zac"}, ['no whitening "zac"', 'Did you mean "zca"?']),
        ({"whitening": "pca", "scaling": "none"}, ["whitening pca with scaling none, expected scaling global"]),
        ({"whitening": "pca", "shrinkage": 1.5}, ["found shrinkage 1.5, expected a number in [0, 1]"]),
    ],
)
def test_value_that_does_not_fit_is_refused(settings, parts):
    message = refusal("digits", **settings)
    assert [part for part in ['dataset "digits": ', *parts] if part not in message] == []


@pytest.mark.parametrize("scaling", ["global", "standard"])
def test_equal_images_cannot_be_scaled(folder, scaling):
    write_idx(folder / "train-images-idx3-ubyte", np.full((5, 1, 8, 8), 100, np.uint8))
    assert "found 4 training rows without variance, expected some" in refusal("mine", scaling=scaling)
    assert len(matrices("mine", scaling="none").train) == 4


def test_dimension_is_that_of_a_row():
    for settings in ({}, {"patch": 3}):
        assert dimension_of("digits", **settings) == matrices("digits", **settings).train.shape[1]
    for settings in ({"channels": 3}, {"patch": 9}):
        with pytest.raises(StudyError, match='dataset "digits"'):
            dimension_of("digits", **settings)


def test_patches_of_published_images_are_whitened(monkeypatch):
    shared("mnist", monkeypatch)
    found = matrices("mnist", patch=6, whitening="zca", shrinkage=0.01)
    assert found.train.shape == (50_000, 36)
    assert found.test.shape == (10_000, 36)
    assert np.abs(covariance(found.train)).max() < 1.01
    assert np.isfinite(found.test).all()
