"""The file of the seed paper's flowers: Oxford's 17 categories (Nilsback & Zisserman 2006), scaled to 16x16 pixels.

An npz file with ``x_train`` (680, 16, 16, 3), ``x_val`` and ``x_test`` (340, 16, 16, 3), red, green, blue, and labels
``y_train``, ``y_val``, ``y_test`` (n,) 0..16, all uint8: what the paper's reference implementation publishes as floats,
times 255. The images belong to their photographers and are for research use; bagbench does not ship them.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, is_zipfile

import numpy as np
from numpy.typing import NDArray

from .downloads import check_content, download, find_image_file
from .errors import FileProblem
from .files import replacing

Arrays = Mapping[str, NDArray[np.uint8]]
"""The six arrays by name."""

FILE = "flowers17_16px.npz"
PARTS = ("train", "val", "test")
SIDE = 16
SHA256 = "3a4799c36732416bfeddb64a13a8eb9885f7962fd6b50cf8eca274d1796c20fc"
"""See `content_sum`."""
URL = (
    "https://raw.githubusercontent.com/automl/multi-obj-baselines/"
    "e02f4118a87384deb3c2ba77c6b58c39c0389554/baselines/problems/flowers/data/"
)


def content_sum(arrays: Arrays) -> str:
    """Give the sha256 of all arrays, whatever way they were compressed in."""
    state = sha256()
    for part in PARTS:
        for array in (arrays[f"x_{part}"], arrays[f"y_{part}"]):
            state.update(f"{array.dtype.str} {array.shape}".encode())
            state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


def read_flowers() -> Arrays:
    """Read the published arrays.

    Raises
    ------
    FileProblem
        If the file is not on this machine, or is another one.
    """
    path = find_image_file("flowers", (FILE,))
    try:
        if not is_zipfile(path):
            raise BadZipFile("it is no npz file")
        with np.load(path) as file:
            arrays = {name: file[name] for part in PARTS for name in (f"x_{part}", f"y_{part}")}
    except (BadZipFile, EOFError, KeyError, OSError, ValueError, zlib.error) as error:
        raise FileProblem(
            f"{path} is damaged: {error}; move it away, and `bagbench fetch flowers` brings the right one"
        ) from error
    check_content(path, content_sum(arrays), SHA256, "flowers")
    return arrays


def write_flowers(path: Path, arrays: Arrays) -> None:
    """Write the arrays to an npz file."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def fetch_flowers(folder: Path) -> None:
    """Download what the reference implementation publishes and write it to ``folder`` as one file.

    Raises
    ------
    MissingExtra
        If pooch is not installed.
    FileProblem
        If the arrays cannot be had, or are others.
    """
    arrays = {}
    with TemporaryDirectory() as there:
        for part in PARTS:
            images, classes = (
                np.load(download(f"{URL}{array}_{part}.npy", Path(there), name=f"{array}_{part}.npy", known_hash=None))
                for array in "xy"
            )
            arrays[f"x_{part}"] = np.rint(images * 255.0).astype(np.uint8)
            arrays[f"y_{part}"] = classes.argmax(axis=1).astype(np.uint8)  # one column a class
    if (got := content_sum(arrays)) != SHA256:
        raise FileProblem(f"{URL} does not publish what it did: sha256 of the arrays is {got}, expected {SHA256}")
    folder.mkdir(parents=True, exist_ok=True)
    write_flowers(folder / FILE, arrays)
