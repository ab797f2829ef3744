"""A dataset as arrays of pixels, and the shape of its images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from explorer.datasets.folders import Contents, contents, find
from explorer.datasets.layout import Pixels, Shape, size
from explorer.errors import StudyError

DIGITS: Shape = (1, 8, 8)


@dataclass(frozen=True, eq=False)
class Images:
    """Images of one size, (image, channel, height, width), channels grey or red, green, blue; read-only.

    uint8 in [0, 255], which stands for [0, 1], or float32 in [0, 1]. `test` is None where the files make no split.
    """

    train: Pixels | NDArray[np.float32]
    test: Pixels | NDArray[np.float32] | None

    @property
    def shape(self) -> Shape:
        """Channels, height and width of one image."""
        _, channels, height, width = self.train.shape
        return channels, height, width


def load(dataset: str) -> Images:
    """The images of a dataset, by the files in its folder whatever it is called; test files alone are `train`.

    The files: IDX, CIFAR-10 binary batches, or Parquet, in the folder or in one folder in it. `digits` is scikit-learn's
    1797 digits of 8 × 8, without a split. The last two datasets are kept in memory until their files change.
    Raises StudyError that names the file where one is damaged or not what it should be.
    """
    folder = find(dataset)
    return _digits() if folder is None else _loaded(contents(folder))


def shape_of(dataset: str) -> Shape:
    """Channels, height and width of a dataset's images, from the head of a file."""
    folder = find(dataset)
    return DIGITS if folder is None else _shape(contents(folder))


@lru_cache(maxsize=1)
def _digits() -> Images:
    from sklearn.datasets import load_digits  # a second or so

    pixels, _ = load_digits(return_X_y=True)
    return Images(_fixed((np.asarray(pixels) / 16).astype(np.float32).reshape(-1, *DIGITS)), None)


@lru_cache(maxsize=64)
def _shape(found: Contents) -> Shape:
    return found.layout.shape((*found.train, *found.test)[0])


@lru_cache(maxsize=2)
def _loaded(found: Contents) -> Images:
    train, test = (_fixed(found.layout.read(paths)) if paths else None for paths in (found.train, found.test))
    if train is None or test is None:
        only = test if train is None else train
        assert only is not None
        return Images(only, None)
    images = Images(train, test)
    tested = Images(test, None)
    if tested.shape != images.shape:
        raise StudyError(
            f"{found.test[0]}: found images of {size(tested.shape)}, expected {size(images.shape)} "
            f"like those of {found.train[0].name}."
        )
    return images


def _fixed(array: NDArray) -> NDArray:
    """The same array, which can no longer be written: it is shared by all that load it."""
    array.flags.writeable = False
    return array
