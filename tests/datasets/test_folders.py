import pytest

from explorer.datasets import find, load
from explorer.errors import StudyError
from tests.datasets.files import pixels, write_cifar, write_idx, write_parquet


def refusal(dataset):
    with pytest.raises(StudyError) as caught:
        load(dataset)
    return str(caught.value)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("EXPLORER_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_digits_need_no_folder():
    assert find("digits") is None


def test_variable_then_working_directory_then_cache(tmp_path, home, monkeypatch):
    cache, here, given = home / ".cache/explorer/mine", tmp_path / "data/mine", tmp_path / "given/mine"
    for folder in (cache, here, given):
        folder.mkdir(parents=True)
        if folder == given:
            monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "given"))
        assert find("mine") == folder


def test_with_the_variable_set_nothing_else_is_looked_at(tmp_path, monkeypatch):
    (tmp_path / "data/mine").mkdir(parents=True)
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "given"))
    with pytest.raises(StudyError, match="no such folder") as caught:
        find("mine")
    assert str(tmp_path / "given/mine") in str(caught.value)
    assert str(tmp_path / "data") not in str(caught.value)


def test_missing_folder_is_refused_with_places_files_and_the_nearest_name(tmp_path, home):
    (tmp_path / "data/fashion_mnist").mkdir(parents=True)
    message = refusal("fasion_mnist")
    parts = [
        'dataset "fasion_mnist"', str(tmp_path / "data/fasion_mnist"), str(home / ".cache/explorer/fasion_mnist"),
        "train-images-idx3-ubyte", "data_batch_1.bin", "train*.parquet", "Put the files into", "EXPLORER_DATA",
        'Did you mean "fashion_mnist"?',
    ]  # fmt: skip
    assert [part for part in parts if part not in message] == []
    assert 'Did you mean "digits"?' in refusal("digit")


@pytest.mark.parametrize("name", ["", "../mine", "/etc", "a/b", ".hidden", "a b"])
def test_name_that_is_no_folder_name_is_refused(name):
    assert 'expected "digits", or the name of a folder' in refusal(name)


def test_file_in_the_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/mine").write_text("")
    assert "no such folder" in refusal("mine")


def test_folder_without_images_is_refused_with_what_it_holds(tmp_path):
    folder = tmp_path / "data/mine"
    folder.mkdir(parents=True)
    assert f"{folder}: found no files, expected IDX" in refusal("mine")
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"labels")
    (folder / ".hidden.parquet").write_bytes(b"")
    message = refusal("mine")
    assert "found t10k-labels-idx1-ubyte.gz, expected IDX" in message
    assert "Parquet (train*.parquet" in message


def test_folder_of_many_other_files_names_only_some(tmp_path):
    folder = tmp_path / "data/mine"
    folder.mkdir(parents=True)
    for i in range(12):
        (folder / f"{i:02}.png").write_bytes(b"")
    assert "06.png, 07.png and 4 more, expected" in refusal("mine")


def test_two_kinds_of_files_are_refused(tmp_path):
    folder = tmp_path / "data/mine"
    write_idx(folder / "train-images-idx3-ubyte", pixels(2))
    write_parquet(folder / "train.parquet", pixels(2))
    assert f"found IDX files in {folder} and Parquet files in {folder}, expected one kind" in refusal("mine")


def test_files_in_two_places_are_refused(tmp_path):
    folder = tmp_path / "data/mine"
    write_idx(folder / "train-images-idx3-ubyte", pixels(2))
    write_cifar(folder / "cifar-10-batches-bin/test_batch.bin", pixels(2, 3, 32))
    message = refusal("mine")
    assert f"{folder}: found IDX files in {folder} and CIFAR-10 binary files in" in message
    assert "expected one kind in one place" in message


def test_changed_files_are_read_again(tmp_path):
    path = tmp_path / "data/mine/train-images-idx3-ubyte"
    write_idx(path, pixels(2))
    first = load("mine")
    assert load("mine") is first
    write_idx(path, pixels(3))
    assert len(load("mine").train) == 3
