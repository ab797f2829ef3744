"""Images, or patches of them, as rows of two matrices; nothing is random but for a fixed stream of bits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from explorer.datasets import scaling as scales
from explorer.datasets.images import Images, load, shape_of
from explorer.datasets.layout import Pixels, Shape, size
from explorer.datasets.scaling import Matrix
from explorer.errors import StudyError
from explorer.registry import nearest

TRAIN_PATCHES = 50_000
TEST_PATCHES = 10_000
# ITU-R BT.601 in thousandths: of bytes, the weighted sum is exact.
LUMINANCE = (299, 587, 114)
# What the bits of one stream decide.
SPLIT, TRAIN_STREAM, TEST_STREAM = range(3)


@dataclass(frozen=True, eq=False)
class Matrices:
    """Rows to train on (N, d) and to test on (M, d), float32 and read-only.

    `fingerprint` is 16 hex digits of sha256 over both, with their shapes, before scaling. `shape` is what one row is:
    channels, height and width, d = C H W.
    """

    train: Matrix
    test: Matrix
    fingerprint: str
    shape: Shape


def matrices(
    dataset: str,
    channels: int = 1,
    patch: int = 0,
    test_share: float = 0.2,
    scaling: str = "global",
    whitening: str = "none",
    shrinkage: float = 0.0,
) -> Matrices:
    """The rows of a dataset, the same on every machine up to the rounding of statistics; the last two are kept.

    channels: 1 is grey (of colour images the luminance, ITU-R BT.601), 3 is colour.
    patch: 0 for whole images; otherwise the side of square patches at fixed pseudo-random positions, each position at
    most once: 50,000 from the training images and 10,000 from the test images, or all there are.
    test_share: of the images, held out by a fixed permutation, in (0, 1) and at least one image on either side; without
    effect where the files make a split. Patches are taken after the split.
    scaling: `none` leaves values in [0, 1]; `global` subtracts each coordinate's mean and divides all by one number, so
    that variance is 1 on average; `standard` gives each coordinate variance 1, and a constant one 0.
    whitening: `none`, `pca` (coordinates by falling variance) or `zca`, to the identity as covariance. Before that,
    eigenvalues λ become (1 - s) λ + s mean(λ) with the shrinkage s in [0, 1]; what has no variance is mapped to 0.
    Statistics are those of the training rows, divided by N.

    Raises StudyError for a dataset that is missing or damaged, and for a value that does not fit it.
    """
    where = f'dataset "{dataset}"'
    _check_names(where, scaling, whitening)
    _check_numbers(where, test_share, shrinkage)
    images = load(dataset)
    _check_shape(where, images.shape, channels, patch)
    if whitening == "none":
        shrinkage = 0.0
    if images.test is not None:
        test_share = 0.0
    return _prepared(images, where, channels, patch, float(test_share), scaling, whitening, float(shrinkage))


def dimension_of(dataset: str, channels: int = 1, patch: int = 0) -> int:
    """d, the entries of a row of `matrices`, from the head of a file; StudyError as there."""
    shape = shape_of(dataset)
    _check_shape(f'dataset "{dataset}"', shape, channels, patch)
    return channels * (patch * patch if patch else shape[1] * shape[2])


def _check_names(where: str, scaling: str, whitening: str) -> None:
    for setting, found, known in (
        ("scaling", scaling, scales.SCALINGS),
        ("whitening", whitening, scales.WHITENINGS),
    ):
        if found not in known:
            raise StudyError(
                f'{where}: there is no {setting} "{found}"; expected one of {", ".join(known)}.{nearest(found, known)}'
            )
    if whitening != "none" and scaling == "none":
        raise StudyError(
            f"{where}: found whitening {whitening} with scaling none, expected scaling global or standard."
        )


def _check_numbers(where: str, test_share: float, shrinkage: float) -> None:
    if not 0 < test_share < 1:
        raise StudyError(f"{where}: found test_share {test_share}, expected a number in (0, 1).")
    if not 0 <= shrinkage <= 1:
        raise StudyError(f"{where}: found shrinkage {shrinkage}, expected a number in [0, 1].")


def _check_shape(where: str, shape: Shape, channels: int, patch: int) -> None:
    present, height, width = shape
    if channels not in (1, 3):
        raise StudyError(f"{where}: found channels {channels}, expected 1 (grey) or 3 (colour).")
    if channels > present:
        raise StudyError(f"{where}: found channels {channels} for images of {size(shape)}, expected channels 1.")
    if not 0 <= patch <= min(height, width):
        raise StudyError(
            f"{where}: found patch {patch} for images of {height} × {width}, expected 1 to {min(height, width)}, "
            "or 0 for whole images."
        )


@lru_cache(maxsize=2)
def _prepared(
    images: Images, where: str, channels: int, patch: int, share: float, scaling: str, whitening: str, shrinkage: float
) -> Matrices:
    first, second = _divided(images, share, where)
    if patch:
        first, second = (
            _patches(first, patch, TRAIN_PATCHES, TRAIN_STREAM),
            _patches(second, patch, TEST_PATCHES, TEST_STREAM),
        )
    shape = (channels, first.shape[2], first.shape[3])
    train, test = _rows(first, channels), _rows(second, channels)
    fingerprint = _fingerprint(train, test)
    if scaling != "none":
        transform = scales.fit(train, scaling, whitening, shrinkage, where)
        train, test = transform.apply(train), transform.apply(test)
    train.flags.writeable = test.flags.writeable = False
    return Matrices(train, test, fingerprint, shape)


def _bits(count: int, stream: int) -> NDArray[np.uint64]:
    """The same 64-bit numbers everywhere; how NumPy makes draws of them may change, these may not."""
    return np.random.Philox(key=[0, stream]).random_raw(count)


def _divided(images: Images, share: float, where: str) -> tuple[NDArray, NDArray]:
    if images.test is not None:
        return images.train, images.test
    count = len(images.train)
    if count < 2:
        raise StudyError(f"{where}: found one image, expected at least two, to train on and to hold out.")
    held_out = min(max(1, round(share * count)), count - 1)
    order = np.argsort(_bits(count, SPLIT), kind="stable")
    return images.train[order[held_out:]], images.train[order[:held_out]]


def _distinct(total: int, limit: int, stream: int) -> NDArray[np.int64]:
    """min(total, limit) distinct numbers below `total`, in random order."""
    if total <= 4 * limit:
        return np.argsort(_bits(total, stream), kind="stable")[:limit]
    # At most a quarter of all are asked for, and twice as many draws hold 1.5 times as many distinct ones.
    drawn = (_bits(2 * limit, stream) % np.uint64(total)).astype(np.int64)
    _, earliest = np.unique(drawn, return_index=True)
    return drawn[np.sort(earliest)[:limit]]


def _patches(images: NDArray, side: int, limit: int, stream: int) -> NDArray:
    """Images (n, C, H, W) to patches (m, C, side, side)."""
    windows = sliding_window_view(images, (side, side), axis=(2, 3))
    count, _, down, across, _, _ = windows.shape
    image, row, column = np.unravel_index(_distinct(count * down * across, limit, stream), (count, down, across))
    return windows[image, :, row, column]


def _rows(images: Pixels | NDArray[np.float32], channels: int) -> Matrix:
    """Images (n, C, H, W) to rows (n, d) in [0, 1]."""
    unit = np.float32(255 if images.dtype == np.uint8 else 1)
    if channels == images.shape[1]:
        return (images.reshape(len(images), -1) / unit).astype(np.float32, copy=False)
    return (_weighted(images, LUMINANCE) / (unit * sum(LUMINANCE))).reshape(len(images), -1)


def _weighted(images: NDArray, weights: Sequence[int]) -> NDArray[np.float32]:
    total = np.zeros((len(images), *images.shape[2:]), np.float32)
    for channel, weight in enumerate(weights):
        total += images[:, channel].astype(np.float32) * np.float32(weight)
    return total


def _fingerprint(train: Matrix, test: Matrix) -> str:
    digest = hashlib.sha256()
    for rows in (train, test):
        digest.update(repr(rows.shape).encode())
        digest.update(np.ascontiguousarray(rows, "<f4").data)
    return digest.hexdigest()[:16]
