import gzip
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from explorer.datasets import dimension_of, load
from explorer.errors import StudyError
from tests.datasets.files import (
    encoded,
    idx_bytes,
    pixels,
    shared,
    write_cells,
    write_cifar,
    write_idx,
    write_parquet,
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the dataset `mine`."""
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


def refusal():
    with pytest.raises(StudyError) as caught:
        load("mine")
    return str(caught.value)


def test_digits_are_sixteenths():
    images = load("digits")
    assert images.train.shape == (1797, 1, 8, 8)
    assert images.train.dtype == np.float32
    assert set(np.unique(images.train * 16)) == set(range(17))
    assert images.test is None


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx(folder, dotted, suffix):
    kind = (".idx3-ubyte" if dotted else "-idx3-ubyte") + suffix
    train, test = pixels(5, height=6), pixels(3, height=6, seed=1)
    write_idx(folder / f"train-images{kind}", train)
    write_idx(folder / f"t10k-images{kind}", test)
    (folder / "train-labels-idx1-ubyte").write_bytes(b"")
    images = load("mine")
    assert np.array_equal(images.train, train)
    assert np.array_equal(images.test, test)
    assert images.shape == (1, 6, 8)
    assert dimension_of("mine") == 48


def test_idx_beside_its_compressed_self_is_read_once(folder):
    write_idx(folder / "train-images-idx3-ubyte", pixels(5))
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"never read")
    assert len(load("mine").train) == 5


def test_two_idx_files_of_one_split_are_refused(folder):
    for kind in ("letters", "digits"):
        write_idx(folder / f"emnist-{kind}-train-images-idx3-ubyte", pixels(2))
    assert "emnist-letters-train-images-idx3-ubyte, expected one file of images per split" in refusal()


def test_test_files_alone_are_train(folder):
    write_idx(folder / "t10k-images-idx3-ubyte.gz", pixels(4))
    images = load("mine")
    assert np.array_equal(images.train, pixels(4))
    assert images.test is None


GOOD = idx_bytes(pixels(5))
BAD_IDX = {
    "empty": (b"", "found an empty file"),
    "labels": (b"\x00\x00\x08\x01" + GOOD[4:], "found the magic number 0x00000801, expected 0x00000803"),
    "web page": (b"<!DOCTYPE html>", "found the magic number 0x3c21444f, expected 0x00000803"),
    "cut in the header": (GOOD[:10], "found a header of 10 bytes, expected 16"),
    "cut in the pixels": (GOOD[:-1], "found 335 bytes, expected 336 for 5 images of 8 × 8"),
    "too long": (GOOD + b"\x00", "found 337 bytes, expected 336"),
    "no images": (GOOD[:4] + bytes(4) + GOOD[8:], "found 0 images of 8 × 8"),
    "cut when compressed": (gzip.compress(GOOD)[:-30], "found damaged gzip data"),
    "damaged when compressed": (gzip.compress(GOOD)[:-8] + bytes(8), "found damaged gzip data"),
    "not gzip": (b"\x1f\x8b\x08" + b"\xff" * 40, "found damaged gzip data"),
}


@pytest.mark.parametrize("case", BAD_IDX)
def test_bad_idx_is_refused(folder, case):
    content, part = BAD_IDX[case]
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    assert refusal().startswith(f"{path}: {part}")


@pytest.mark.parametrize("case", ["empty", "labels", "web page", "cut in the header", "no images", "not gzip"])
def test_bad_head_of_idx_is_refused_without_the_rest(folder, case):
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(BAD_IDX[case][0])
    with pytest.raises(StudyError) as caught:
        dimension_of("mine")
    assert str(caught.value).startswith(f"{path}: ")


def test_train_and_test_of_different_sizes_are_refused(folder):
    write_idx(folder / "train-images-idx3-ubyte", pixels(2))
    write_idx(folder / "t10k-images-idx3-ubyte", pixels(2, side=9))
    assert "t10k-images-idx3-ubyte: found images of 9 × 9 grey, expected 8 × 8 grey" in refusal()


@pytest.mark.parametrize("within", [".", "cifar-10-batches-bin"])
def test_cifar_batches_follow_their_numbers(folder, within):
    train, test = pixels(11, 3, 32), pixels(2, 3, 32, seed=1)
    for i, image in enumerate(train):
        write_cifar(folder / within / f"data_batch_{i + 1}.bin", image[None])
    write_cifar(folder / within / "test_batch.bin", test)
    (folder / within / "batches.meta.txt").write_text("airplane")
    images = load("mine")
    assert np.array_equal(images.train, train)
    assert np.array_equal(images.test, test)
    assert dimension_of("mine", channels=3) == 3072


@pytest.mark.parametrize("content", [b"x" * 3072, b"x" * 3074, b"x" * (2 * 3073 - 1), b"x" * 3074 * 2])
def test_wrong_record_length_is_refused(folder, content):
    path = folder / "data_batch_1.bin"
    path.write_bytes(content)
    assert refusal().startswith(f"{path}: found {len(content):,} bytes, expected a multiple of 3,073")


def test_empty_batch_is_refused(folder):
    write_cifar(folder / "data_batch_1.bin", pixels(1, 3, 32))
    (folder / "data_batch_2.bin").write_bytes(b"")
    assert "data_batch_2.bin: found an empty file" in refusal()


@pytest.mark.parametrize("column", ["img", "image"])
@pytest.mark.parametrize("channels", [1, 3])
def test_parquet(folder, column, channels):
    train, test = pixels(5, channels, height=6), pixels(3, channels, height=6, seed=1)
    write_parquet(folder / "train-00000-of-00002.parquet", train[:2], column)
    write_parquet(folder / "train-00001-of-00002.parquet", train[2:], column)
    write_parquet(folder / "test.parquet", test, column)
    (folder / "README.md").write_text("")
    images = load("mine")
    assert np.array_equal(images.train, train)
    assert np.array_equal(images.test, test)
    assert dimension_of("mine", channels=channels) == channels * 48


def test_parquet_in_one_folder_within(folder):
    write_parquet(folder / "plain_text/train-00000-of-00001.parquet", pixels(2))
    assert len(load("mine").train) == 2


def test_jpeg_is_decoded(folder):
    grey = np.full((1, 1, 8, 8), 200, np.uint8)
    write_parquet(folder / "train.parquet", grey, kind="JPEG")
    assert np.abs(load("mine").train.astype(int) - 200).max() <= 2


def test_palette_and_bits_are_read_as_colour_and_grey(folder):
    colour = np.zeros((1, 3, 8, 8), np.uint8)
    colour[:, 0, :4] = 255
    sink = io.BytesIO()
    Image.fromarray(colour[0].transpose(1, 2, 0)).quantize(4).save(sink, "PNG")
    write_cells(folder / "train.parquet", [sink.getvalue()])
    assert np.array_equal(load("mine").train, colour)

    sink = io.BytesIO()
    Image.fromarray(colour[0, 0] > 0).save(sink, "PNG")
    write_cells(folder / "train.parquet", [sink.getvalue(), sink.getvalue()])
    assert np.array_equal(load("mine").train[1, 0], colour[0, 0])


@pytest.mark.parametrize("present", [[0], [1], [0, 1, 3]])
def test_missing_shard_is_refused(folder, present):
    for i in present:
        write_parquet(folder / f"train-{i:05}-of-00002.parquet", pixels(2))
    assert "expected the 2 shards of one split" in refusal()


def test_whole_beside_shards_is_refused(folder):
    write_parquet(folder / "train.parquet", pixels(2))
    write_parquet(folder / "train-00000-of-00001.parquet", pixels(2))
    assert "found train-00000-of-00001.parquet, train.parquet, expected the 1 shards" in refusal()


def rgba():
    sink = io.BytesIO()
    Image.new("RGBA", (8, 8)).save(sink, "PNG")
    return sink.getvalue()


PNG = encoded(pixels(1)[0])
BAD_CELLS = {
    "no image": ([PNG, b"plain text"], "row 1: cannot be decoded: cannot identify image file; expected PNG or JPEG"),
    "empty image": ([b""], "row 0: cannot be decoded"),
    "cut short": ([PNG, PNG[:60]], "row 1: cannot be decoded"),
    "cut JPEG": ([encoded(pixels(1, 3, 64)[0], "JPEG")[:-200]], "row 0: cannot be decoded"),
    "no bytes": ([PNG, None], "row 1: found no bytes"),
    "mode": ([rgba()], "row 0: found an image of mode RGBA, expected 8-bit grey (L) or colour (RGB)"),
    "size": ([PNG, encoded(pixels(1, side=9)[0])], "row 1: found an image of 9 × 9 grey, expected 8 × 8 grey"),
    "colour": ([PNG, encoded(pixels(1, 3)[0])], "row 1: found an image of 8 × 8 colour, expected 8 × 8 grey"),
    "nothing": ([], "found no rows, expected images"),
}


@pytest.mark.parametrize("case", BAD_CELLS)
def test_bad_image_is_refused(folder, case):
    cells, part = BAD_CELLS[case]
    path = folder / "train.parquet"
    write_cells(path, cells)
    message = refusal()
    assert message.startswith(f"{path}: {part}")
    assert "BytesIO" not in message


def test_second_shard_of_another_size_is_refused(folder):
    write_parquet(folder / "train-00000-of-00002.parquet", pixels(2))
    write_parquet(folder / "train-00001-of-00002.parquet", pixels(2, side=9))
    assert "train-00001-of-00002.parquet: row 0: found an image of 9 × 9 grey" in refusal()


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not Parquet at all"])
def test_what_is_no_parquet_is_refused(folder, content):
    path = folder / "train.parquet"
    path.write_bytes(content)
    assert refusal().startswith(f"{path}: cannot be read as Parquet")


def test_cut_parquet_is_refused(folder):
    path = folder / "train.parquet"
    write_parquet(path, pixels(5))
    path.write_bytes(path.read_bytes()[:-100])
    assert refusal().startswith(f"{path}: cannot be read as Parquet")


def test_damaged_page_is_refused(folder):
    path = folder / "train.parquet"
    write_parquet(path, pixels(50))
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * 200 + content[204:])
    assert refusal().startswith(f"{path}: cannot be read as Parquet")


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"picture": [{"bytes": PNG, "path": ""}], "label": [1]}, "picture (struct"),
        ({"image": [PNG]}, "image (binary)"),
        ({"image": [{"path": "a.png"}]}, "image (struct<path: string>)"),
        ({"image": [{"bytes": "text"}]}, "image (struct<bytes: string>)"),
        ({"img": [{"bytes": PNG}], "image": [{"bytes": PNG}]}, "img (struct<bytes: binary>), image"),
    ],
)
def test_file_without_the_image_column_is_refused(folder, columns, found):
    path = folder / "train.parquet"
    pq.write_table(pa.table(columns), path)
    message = refusal()
    assert message.startswith(f"{path}: found {found}")
    assert "expected one image column, a struct {bytes, path} named img or image" in message


def test_loaded_images_cannot_be_written(folder):
    write_parquet(folder / "train.parquet", pixels(2))
    with pytest.raises(ValueError, match="read-only"):
        load("mine").train[0] = 0


@pytest.mark.parametrize(("name", "shape"), [("mnist", (1, 28, 28)), ("cifar10", (3, 32, 32))])
def test_published_test_files(monkeypatch, name, shape):
    shared(name, monkeypatch)
    images = load(name)
    assert images.train.shape == (10_000, *shape)
    assert images.train.max() == 255
    assert images.test is None
    assert dimension_of(name, channels=shape[0]) == np.prod(shape)
