"""A file for HDF5 on a disk that may be full.

Where a write fails, HDF5 cannot close its file, and the process crashes when it tries. So it is given a file of ours,
which keeps the first error for itself and raises it once HDF5 is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import SEEK_SET, FileIO
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class _Patient:
    """What h5py's driver for Python's files asks of one; from the first error on nothing reaches the disk."""

    def __init__(self, raw: FileIO) -> None:
        self._raw = raw
        self.error: OSError | None = None

    def write(self, data: memoryview) -> int:
        rest = memoryview(data).cast("B")
        while len(rest) and self.error is None:  # a write may take a part only
            rest = rest[self._try(partial(self._raw.write, rest)) or 0 :]
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        return self._try(partial(self._raw.truncate, size)) or 0

    def flush(self) -> None:
        self._try(self._raw.flush)

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def read(self, size: int = -1) -> bytes | None:
        return self._raw.read(size)

    def readinto(self, buffer: bytearray) -> int | None:
        return self._raw.readinto(buffer)

    def _try(self, act: Callable[[], T]) -> T | None:
        if self.error is None:
            try:
                return act()
            except OSError as error:
                self.error = error
        return None


@contextmanager
def patient_file(path: Path) -> Iterator[_Patient]:
    """Make a new file at ``path`` for ``h5py.File(file, "w")``, to be closed inside the block.

    Raises
    ------
    OSError
        At the end of the block, with ``path`` as its name, if something could not be written.
    """
    with FileIO(path, "w+") as raw:
        file = _Patient(raw)
        try:
            yield file
        finally:
            if file.error is not None:
                raise OSError(file.error.errno, file.error.strerror, str(path)) from file.error
