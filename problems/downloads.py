"""Where files of images are on this machine, and the downloads that bring them here.

Files are looked for in the folder that the environment variable ``BAGBENCH_DATA`` names, in the folder of a Debian
package, and in the user's cache, in this order. Nothing is ever downloaded but by `download`, which the command
``bagbench fetch`` calls. Every file is checked by the sha256 of its content, wherever it lies.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from .errors import FileProblem, MissingExtra

VARIABLE = "BAGBENCH_DATA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A Debian package that holds files of images."""

    name: str
    folder: Path


PACKAGES: Mapping[str, Package] = {
    "fashion": Package(name="dataset-fashion-mnist", folder=Path("/usr/share/datasets/fashion-mnist"))
}


def cache_folder() -> Path:
    """Give the user's folder that `bagbench fetch` fills.

    Raises
    ------
    MissingExtra
        If pooch is not installed.
    """
    return Path(_pooch().os_cache("bagbench"))


def find_image_file(problem: str, names: Sequence[str]) -> Path:
    """Find the first file with one of these ``names`` that ``problem`` needs.

    Raises
    ------
    FileProblem
        If there is none; the message says where it was looked for, and what brings it here.
    """
    places = _places(problem)
    for folder in places.values():
        for name in names:
            if folder is not None and (folder / name).is_file():
                return folder / name
    looked = ", ".join(f"{what} ({'none' if folder is None else folder})" for what, folder in places.items())
    package = f"`apt-get install {PACKAGES[problem].name}` or " if problem in PACKAGES else ""
    raise FileProblem(
        f"the images of {problem!r} are not on this machine: found no {' or '.join(names)} in {looked}; "
        f"{package}`bagbench fetch {problem}` brings them here, or name the folder that has them in {VARIABLE}"
    )


def check_content(path: Path, got: str, expected: str, problem: str) -> None:
    """Check the sha256 of what was read from ``path``.

    Raises
    ------
    FileProblem
        If it is not what was published.
    """
    if got != expected:
        raise FileProblem(
            f"{path} is not what was published, and results on other images cannot be compared: sha256 of its content "
            f"is {got}, expected {expected}; move it away, and `bagbench fetch {problem}` brings the right one"
        )


def download(url: str, folder: Path, *, name: str, known_hash: str | None) -> Path:
    """Download ``url`` to ``folder / name``, unless it is there already.

    Parameters
    ----------
    known_hash
        As in ``"md5:8d4f..."``; None if what is made of the file will be checked.

    Raises
    ------
    MissingExtra
        If pooch is not installed.
    FileProblem
        If the file cannot be had, or is another one.
    """
    pooch = _pooch()
    pooch.get_logger().setLevel("WARNING")  # it recommends to pin what is checked in another way
    try:
        return Path(pooch.retrieve(url, known_hash=known_hash, fname=name, path=folder))
    except (OSError, ValueError) as error:  # what requests raises is an OSError
        raise FileProblem(
            f"cannot download {url}: {error}; get the file in another way, and name its folder in {VARIABLE}"
        ) from error


def _places(problem: str) -> dict[str, Path | None]:
    """Name the folders in which files of ``problem`` may be, in the order in which they are looked at."""
    own = os.environ.get(VARIABLE)
    places: dict[str, Path | None] = {VARIABLE: Path(own) if own else None}
    if problem in PACKAGES:
        package = PACKAGES[problem]
        places[f"Debian's {package.name}"] = package.folder
    try:
        return {**places, "the user's cache": cache_folder()}
    except MissingExtra:  # without pooch nothing was fetched
        return {**places, "the user's cache": None}


def _pooch() -> ModuleType:
    try:
        import pooch
    except ModuleNotFoundError as error:
        raise MissingExtra.for_package("pooch", "data", "`bagbench fetch`") from error
    module: ModuleType = pooch
    return module
