"""Images of a dataset, or patches of them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from explorer import datasets
from explorer.axes import CHANNELS, Axis, Choices, Interval, Pattern, Value
from explorer.datasets.folders import NAME, Contents, contents
from explorer.datasets.scaling import SCALINGS, WHITENINGS
from explorer.errors import StudyError
from explorer.sources.base import Source, Split, sources
from explorer.sources.constants import permutation

BLOCK = 4096


class _Facts(NamedTuple):
    """What the files of a cell hold, whatever their scaling."""

    dimension: int
    rows: int
    test_rows: int
    fingerprint: str


@lru_cache(maxsize=256)
def _facts_of(dataset: str, channels: int, patch: int, test_share: float, found: Contents | None) -> _Facts:
    del found  # names the files as they are in the cache
    rows = datasets.matrices(dataset, channels, patch, test_share, scaling="none")
    return _Facts(rows.train.shape[1], len(rows.train), len(rows.test), rows.fingerprint)


def _facts(settings: Mapping[str, Value]) -> _Facts:
    dataset = str(settings["dataset"])
    folder = datasets.find(dataset)
    return _facts_of(
        dataset, int(settings["channels"]), int(settings["patch"]), float(settings["test_share"]),
        None if folder is None else contents(folder),
    )  # fmt: skip


def _matrices(settings: Mapping[str, Value]) -> datasets.Matrices:
    return datasets.matrices(
        str(settings["dataset"]), int(settings["channels"]), int(settings["patch"]), float(settings["test_share"]),
        str(settings["scaling"]), str(settings.get("whitening", "none")), float(settings.get("shrinkage", 0.0)),
    )  # fmt: skip


@sources.register("images")
class Images(Source):
    """x is a row of `explorer.datasets.matrices` at random: of the training images, or of the test images in evaluation.

    `samples` of the training rows are used, or all of them; which ones is the seed's, and the smaller of two is part of the
    larger. The `dimension` follows from the files, and so does the `fingerprint`, by which other files are other cells.
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("dataset", "str", Pattern(NAME.pattern, "digits, or the name of a folder"), "digits", role="stream"),
        CHANNELS,
        Axis("patch", "int", Interval(0, 65536), 0, role="stream"),
        Axis("test_share", "float", Interval(0, 1, low_closed=False, high_closed=False), 0.2, role="stream"),
        Axis("scaling", "str", Choices(SCALINGS), "global", role="stream"),
        Axis("whitening", "str", Choices(WHITENINGS), "none", role="stream", when={"scaling": ("global", "standard")}),
        Axis("shrinkage", "float", Interval(0, 1), 0.0, role="stream", when={"whitening": ("pca", "zca")}),
        Axis("fingerprint", "str", role="stream", derived=True),
    )
    finite = True
    named_by = "dataset"

    def __init__(self, dimension: int, channels: int) -> None:
        super().__init__(dimension)
        self.channels = channels

    @classmethod
    def implied(cls, settings: Mapping[str, Value]) -> dict[str, Value]:
        facts = _facts(settings)
        return {"dimension": facts.dimension, "fingerprint": facts.fingerprint}

    @classmethod
    def refusal(cls, settings: Mapping[str, Value]) -> tuple[str, str] | None:
        samples, rows = float(settings["samples"]), _facts(settings).rows
        if not math.isinf(samples) and samples > rows:
            what = "patches" if settings["patch"] else "images"
            return (
                "samples",
                f"found {samples:.12g}, and there are {rows} {what} to train on, expected at most these, or inf",
            )
        return None

    @classmethod
    def unit_interval(cls, settings: Mapping[str, Value]) -> bool:
        return settings["scaling"] == "none"

    @property
    def width(self) -> int:
        return 1

    def table(self, settings: Mapping[str, Value], split: Split) -> Float[np.ndarray, "row dim"]:
        """The rows, (N, d)."""
        rows = _rows(settings, split)
        with warnings.catch_warnings():
            # One array for all streams, which is shared and not written.
            warnings.filterwarnings("ignore", message=".*not writable")
            return torch.from_numpy(rows).numpy()

    def table_shape(self, settings: Mapping[str, Value], split: Split) -> tuple[int, ...]:
        facts, samples = _facts(settings), float(settings["samples"])
        rows = facts.test_rows if split == "evaluation" else facts.rows if math.isinf(samples) else int(samples)
        return rows, self.dimension

    def latent(self, uniforms: Float[Tensor, "sample 1"], table: Tensor) -> Float[Tensor, "sample 1 dim"]:
        row = (uniforms[:, 0] * table.shape[0]).long().clamp(max=table.shape[0] - 1)
        return table[row][:, None, :]

    def reference(self, settings: Mapping[str, Value]) -> dict[str, Float[np.ndarray, "row column"]]:
        drawn = not math.isinf(float(settings["samples"]))
        training = _moments(_rows(settings, "training")) if drawn else _moments_of_all(_key(settings), "training")
        return {"covariance": training, "evaluation_covariance": _moments_of_all(_key(settings), "evaluation")}


def _rows(settings: Mapping[str, Value], split: Split) -> Float[np.ndarray, "row dim"]:
    """The rows that a cell trains on, or is evaluated on; StudyError where the files are not those of the cell."""
    found = _matrices(settings)
    if found.fingerprint != settings["fingerprint"]:
        raise StudyError(
            f'dataset "{settings["dataset"]}": this node has other files: found the fingerprint {found.fingerprint}, '
            f"expected {settings['fingerprint']}."
        )
    if split == "evaluation":
        return found.test
    samples = float(settings["samples"])
    if math.isinf(samples):
        return found.train
    return found.train[permutation(int(settings["seed"]), "rows", len(found.train))[: int(samples)]]


_Key = tuple[tuple[str, Value], ...]


def _key(settings: Mapping[str, Value]) -> _Key:
    """What all rows of a split depend on."""
    return tuple((axis.name, settings[axis.name]) for axis in Images.axes if axis.name in settings)


@lru_cache(maxsize=4)
def _moments_of_all(key: _Key, split: Split) -> Float[np.ndarray, "dim dim"]:
    return _moments(_rows({**dict(key), "samples": math.inf}, split))


def _moments(rows: Float[np.ndarray, "row dim"]) -> Float[np.ndarray, "dim dim"]:
    """XᵀX/N, a block of rows at a time."""
    total = np.zeros((rows.shape[1], rows.shape[1]))
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK].astype(np.float64)
        total += block.T @ block
    return total / len(rows)
