"""Seals: a first block that says what a file is, how long it is, and the SHA-256 of all that follows.

HDF5 leaves a file's first 512 bytes to its user ("user block"); a sealed file's begin with one line of text::

    bagbench-table 1 length=4194304 sha256=e3b0c442...

so a truncated, altered or foreign file is known before HDF5 looks at it, and a person can see what it is with `head`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from string import hexdigits

from ..problems.errors import FileProblem
from ..problems.files import replacing

BLOCK = 512
"""Length of the first block, in bytes: the ``userblock_size`` that HDF5 files to be sealed are made with."""

_PIECE = 1 << 20


def write_sealed(path: Path, kind: str, version: int, write: Callable[[Path], None]) -> None:
    """Write a file by ``write(temporary path)``, seal it, flush it to the disk, and only then give it its name.

    Parameters
    ----------
    path
        The file to make or replace.
    kind, version
        What it is, such as ``bagbench-table``, and the version of that format.
    write
        Makes the file, leaving its first `BLOCK` bytes empty.
    """
    with replacing(path) as temporary:
        write(temporary)
        length, digest = _measure(temporary)
        with temporary.open("r+b") as file:
            file.write(_first_block(kind, version, length, digest))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What a file's first block says."""

    length: int
    """Of the file, in bytes."""
    sha256: str
    """Of all behind the first block."""


def check_seal(path: Path, kind: str, version: int) -> str:
    """Check a file's seal and all of its content, and give the SHA-256 of the latter.

    Raises
    ------
    FileProblem
        If the file is missing, empty, of another kind, of a newer version, truncated, or altered.
    """
    seal = read_seal(path, kind, version)
    check_content(path, seal)
    return seal.sha256


def read_seal(path: Path, kind: str, version: int) -> Seal:
    """Read a file's seal and check all but the content.

    Raises
    ------
    FileProblem
        If the file is missing, empty, of another kind, of a newer version, truncated, or its first block altered.
    """
    try:
        with path.open("rb") as file:
            block = file.read(BLOCK)
            length = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise FileProblem(f"cannot read {path}: {error.strerror}; expected a {kind} file") from error
    words = block.rstrip(b"\0").decode("ascii", errors="replace").split()
    if len(words) != 4 or not words[0].startswith("bagbench-"):
        what = "is empty" if not block else "is no file of bagbench's"
        raise FileProblem(f"{path} {what}: expected a {kind} file")
    if words[0] != kind:
        raise FileProblem(f"{path} is a {words[0]} file: expected a {kind} file")
    if not words[1].isdigit() or int(words[1]) > version:
        raise FileProblem(
            f"{path} has version {words[1]} of {kind}, this bagbench reads up to {version}: update bagbench"
        )
    if words[2] != f"length={length}":
        raise FileProblem(f"{path} is truncated: {words[2].partition('=')[2]} bytes were written, {length} are there")
    seal = Seal(length=length, sha256=words[3].removeprefix("sha256="))
    is_digest = len(seal.sha256) == 64 and not set(seal.sha256) - set(hexdigits.lower())
    if int(words[1]) < 1 or not is_digest or block != _first_block(kind, int(words[1]), length, seal.sha256):
        raise FileProblem(f"{path} was altered after it was written: its first {BLOCK} bytes are not as they were")
    return seal


def check_content(path: Path, seal: Seal) -> None:
    """Compare all behind the first block with the seal.

    Raises
    ------
    FileProblem
        If it was altered.
    """
    _, digest = _measure(path)
    if digest != seal.sha256:
        raise FileProblem(f"{path} was altered after it was written: its sha256 is {digest}, expected {seal.sha256}")


def _first_block(kind: str, version: int, length: int, digest: str) -> bytes:
    return f"{kind} {version} length={length} sha256={digest}\n".encode().ljust(BLOCK, b"\0")


def _measure(path: Path) -> tuple[int, str]:
    """Give the length of the file and the SHA-256 of all behind the first block."""
    state, length = sha256(), BLOCK
    with path.open("rb") as file:
        file.seek(BLOCK)
        while piece := file.read(_PIECE):
            state.update(piece)
            length += len(piece)
    return length, state.hexdigest()
