"""Make the images of `flowers` from the official archive of Oxford's 17 categories.

``python -m bagbench.scripts.prepare_flowers 17flowers.tgz datasplits.mat flowers17_16px.npz``

Both files are on https://www.robots.ox.ac.uk/~vgg/data/flowers/17/. The archive holds ``jpg/image_0001.jpg`` to
``image_1360.jpg``, 80 of each category in order; the other file holds three splits into 680, 340 and 340 image numbers.

The seed paper's reference implementation publishes scaled images, but neither how they were scaled nor which split
they are of: bicubic and the first split are guesses. Its published pixels are the standard. This script says whether it
has reproduced them; bagbench refuses all others, because results on other images cannot be compared.
"""

from __future__ import annotations

import tarfile
from io import BytesIO
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from ..problems.errors import FileProblem, InvalidArgument, MissingExtra, UnknownName
from ..problems.flowers_images import SHA256, SIDE, Arrays, content_sum, write_flowers
from .console import remark, run

FILTERS = ("bicubic", "nearest", "box", "bilinear", "hamming", "lanczos")
"""Pillow's resampling filters."""
_PER_CATEGORY = 80
_PARTS = {"train": "trn", "val": "val", "test": "tst"}


def prepare_flowers(
    archive: Annotated[Path, typer.Argument(metavar="17flowers.tgz", help="The official archive of images.")],
    splits: Annotated[Path, typer.Argument(metavar="datasplits.mat", help="The official splits.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.npz", help="The file to write.")],
    split: Annotated[int, typer.Option(help="1, 2 or 3.")] = 1,
    resampling: Annotated[str, typer.Option("--filter", help=f"How to scale: {', '.join(FILTERS)}.")] = FILTERS[0],
) -> None:
    """Scale the official images to 16x16 pixels, and say whether they are those that the seed paper trained on."""
    arrays = prepare(archive, splits, split=split, resampling=resampling)
    write_flowers(out, arrays)
    got = content_sum(arrays)
    if got == SHA256:
        remark(f"{out}: these are the published images; name their folder in BAGBENCH_DATA")
    else:
        remark(
            f"{out}: these are not the published images (sha256 of the content {got}, published {SHA256}), so bagbench "
            "will refuse them; try another --filter or --split, or `bagbench fetch flowers`"
        )


def prepare(archive: Path, splits: Path, *, split: int, resampling: str) -> Arrays:
    """Make the six arrays; images are in the order in which the split lists them.

    Raises
    ------
    InvalidArgument, UnknownName
        If there is no such split or filter.
    FileProblem
        If a file is damaged or is not the official one.
    """
    if split not in (1, 2, 3):
        raise InvalidArgument(f"--split is {split}: expected 1, 2 or 3")
    if resampling not in FILTERS:
        raise UnknownName.among("filter", resampling, FILTERS)
    arrays = {}
    for part, numbers in _read_split(splits, split).items():
        arrays[f"x_{part}"] = _read_images(archive, numbers, resampling)
        arrays[f"y_{part}"] = ((numbers - 1) // _PER_CATEGORY).astype(np.uint8)
    return arrays


def _read_split(path: Path, split: int) -> dict[str, NDArray[np.int64]]:
    """Read the image numbers (n,), from 1, of each part."""
    from scipy.io import loadmat

    try:
        content = loadmat(path, appendmat=False)
        return {part: content[f"{name}{split}"].astype(np.int64).ravel() for part, name in _PARTS.items()}
    except (KeyError, NotImplementedError, TypeError, ValueError) as error:
        raise FileProblem(f"{path} is not the official datasplits.mat: {error}") from error


def _read_images(path: Path, numbers: NDArray[np.int64], resampling: str) -> NDArray[np.uint8]:
    """Read and scale images (n, 16, 16, 3)."""
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise MissingExtra.for_package("pillow", "data", "scaling images") from error
    method = Image.Resampling[resampling.upper()]
    images = np.empty((len(numbers), SIDE, SIDE, 3), dtype=np.uint8)
    try:
        with tarfile.open(path) as archive:
            members = {Path(member.name).name: member for member in archive if member.isfile()}
            for image, number in zip(images, numbers.tolist(), strict=True):
                opened = archive.extractfile(members[f"image_{number:04d}.jpg"])
                with Image.open(BytesIO(opened.read() if opened else b"")) as photograph:
                    image[:] = np.asarray(photograph.convert("RGB").resize((SIDE, SIDE), method))
    except (EOFError, KeyError, tarfile.TarError) as error:
        raise FileProblem(f"{path} is not the official 17flowers.tgz: {error}") from error
    except OSError as error:
        if error.filename is not None:
            raise
        raise FileProblem(f"{path} is damaged: {error}") from error
    return images


if __name__ == "__main__":
    run(prepare_flowers)
