"""Data sets: images and labels in fixed splits, with a digest that tables record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import blake2b, sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .downloads import cache_folder
from .errors import FileProblem, UnknownName
from .fashion_images import (
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    fetch_fashion,
    read_images,
    read_labels,
)
from .flowers_images import PARTS, fetch_flowers, read_flowers
from .shape import InputShape


@dataclass(frozen=True, eq=False)
class Split:
    """Images (n, channels, side, side) float32 in [0, 1] and their labels (n,) int64."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DataSet:
    """A classification task with its fixed split; equal to nothing but itself."""

    shape: InputShape
    train: Split
    validation: Split
    test: Split

    @cached_property
    def digest(self) -> str:
        """Sha256 over all images and labels, split by split."""
        state = sha256()
        for split in (self.train, self.validation, self.test):
            state.update(np.ascontiguousarray(split.images, dtype="<f4").tobytes())
            state.update(np.ascontiguousarray(split.labels, dtype="<i8").tobytes())
        return state.hexdigest()


def stratified(labels: NDArray[np.int64], sizes: tuple[int, ...]) -> list[NDArray[np.int64]]:
    """Split indices 0..n-1 into parts of exactly these ``sizes``, in each of which every class has its share.

    All images are put in a row, class by class, within a class in the order of a hash of the index, so that the split
    is the same on every machine and for ever. Going along the row, each image joins the part that has fallen behind its
    share the most: so every stretch of the row, a class among them, is shared out to within an image or two.
    """
    order = sorted(range(len(labels)), key=lambda i: (labels[i], blake2b(b"%d" % i, digest_size=8).digest()))
    share, taken = np.array(sizes) / len(labels), np.zeros(len(sizes))
    owner = np.empty(len(labels), dtype=int)
    for rank, index in enumerate(order):
        owner[index] = int(np.argmax(np.where(taken < sizes, share * (rank + 1) - taken, -np.inf)))
        taken[owner[index]] += 1
    return [np.flatnonzero(owner == part) for part in range(len(sizes))]


def load_digits() -> DataSet:
    """Load scikit-learn's 8x8 digits, 1000 / 397 / 400 images."""
    from sklearn.datasets import load_digits as load

    bunch = load()
    images = (bunch.images / 16.0).astype(np.float32)[:, None]
    labels = bunch.target.astype(np.int64)
    parts = stratified(labels, (1000, 397, 400))
    train, validation, test = (Split(images[part], labels[part]) for part in parts)
    return DataSet(InputShape(channels=1, side=8, classes=10), train, validation, test)


def load_flowers() -> DataSet:
    """Load the seed paper's flowers, 680 / 340 / 340 images, as many of each class.

    Raises
    ------
    FileProblem
        If their file is not on this machine, or is another one.
    """
    arrays = read_flowers()
    train, validation, test = (
        Split(_unit(arrays[f"x_{part}"].transpose(0, 3, 1, 2)), arrays[f"y_{part}"].astype(np.int64)) for part in PARTS
    )
    return DataSet(InputShape(channels=3, side=16, classes=17), train, validation, test)


def load_fashion() -> DataSet:
    """Load Fashion-MNIST, 48,000 / 12,000 images of its training set and its 10,000 test images.

    The seed paper split at random; this split is stratified.

    Raises
    ------
    FileProblem
        If a file is not on this machine, or is another one.
    """
    images = read_images(TRAIN_IMAGES)[:, None]
    labels = read_labels(TRAIN_LABELS).astype(np.int64)
    train, validation = (Split(_unit(images[part]), labels[part]) for part in stratified(labels, (48_000, 12_000)))
    test = Split(_unit(read_images(TEST_IMAGES)[:, None]), read_labels(TEST_LABELS).astype(np.int64))
    return DataSet(InputShape(channels=1, side=28, classes=10), train, validation, test)


def _unit(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn bytes into numbers in [0, 1], without a third copy of them."""
    scaled = images.astype(np.float32, order="C")
    scaled /= np.float32(255.0)
    return scaled


DATA_SETS: Mapping[str, Callable[[], DataSet]] = {
    "digits": load_digits,
    "flowers": load_flowers,
    "fashion": load_fashion,
}


@cache
def load_data_set(problem: str) -> DataSet:
    """Load the data set of the shipped problem called ``problem``.

    Raises
    ------
    UnknownName
        If there is none.
    """
    if problem not in DATA_SETS:
        raise UnknownName.among("data set", problem, DATA_SETS)
    return DATA_SETS[problem]()


FETCHERS: Mapping[str, Callable[[Path], None]] = {"flowers": fetch_flowers, "fashion": fetch_fashion}


def fetch_images(problem: str) -> DataSet:
    """Load the images of a shipped problem; what is missing on this machine is downloaded to the user's cache.

    Raises
    ------
    UnknownName
        If there is no such problem.
    MissingExtra
        If pooch is not installed.
    FileProblem
        If the images cannot be had, or a file that is found before the cache is another one.
    """
    try:
        return load_data_set(problem)
    except FileProblem:  # missing, or damaged: in the cache it is replaced, anywhere else it is complained of again
        if problem not in FETCHERS:  # one of somebody's own
            raise
        FETCHERS[problem](cache_folder())
    return load_data_set(problem)
