"""The files of Fashion-MNIST: Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747; MIT licence, Zalando SE.

Four IDX files, each a header and bytes: 60,000 + 10,000 images of 28x28 grey pixels, and their labels 0..9. Debian and
Zalando compress them differently, so what is checked is what they hold, compressed or not.
"""

from __future__ import annotations

import gzip
import zlib
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .downloads import check_content, download, find_image_file
from .errors import FileProblem

URL = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"
SIDE = 28
_GZIP = b"\x1f\x8b"


class IdxFile(NamedTuple):
    """One of the four files."""

    name: str
    header: int
    """Length of the header in bytes."""
    sha256: str
    """Of the file, not compressed."""
    md5: str
    """Of the file that Zalando publishes, compressed."""


TRAIN_IMAGES = IdxFile(
    "train-images-idx3-ubyte",
    16,
    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
)
TRAIN_LABELS = IdxFile(
    "train-labels-idx1-ubyte",
    8,
    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "25c81989df183df01b3e8a0aad5dffbe",
)
TEST_IMAGES = IdxFile(
    "t10k-images-idx3-ubyte",
    16,
    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "bef4ecab320f06d8554ea6380940ec79",
)
TEST_LABELS = IdxFile(
    "t10k-labels-idx1-ubyte",
    8,
    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    "bb300cfdad3c16e7a12a480ee83cd310",
)
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)


def read_images(file: IdxFile) -> NDArray[np.uint8]:
    """Read images (n, 28, 28), read-only; errors as of `read_labels`."""
    return read_labels(file).reshape(-1, SIDE, SIDE)


def read_labels(file: IdxFile) -> NDArray[np.uint8]:
    """Read the bytes (n,) that follow the header, read-only.

    Raises
    ------
    FileProblem
        If the file is not on this machine, or is another one.
    """
    path = find_image_file("fashion", (f"{file.name}.gz", file.name))
    content = path.read_bytes()
    if content.startswith(_GZIP):
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise FileProblem(
                f"{path} is damaged: {error}; move it away, and `bagbench fetch fashion` brings the right one"
            ) from error
    check_content(path, sha256(content).hexdigest(), file.sha256, "fashion")
    return np.frombuffer(content, dtype=np.uint8, offset=file.header)


def fetch_fashion(folder: Path) -> None:
    """Download the four files to ``folder``; errors as of `bagbench.problems.downloads.download`."""
    for file in FILES:
        name = f"{file.name}.gz"
        download(URL + name, folder, name=name, known_hash=f"md5:{file.md5}")
