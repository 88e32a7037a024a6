"""Writing HDF5 files: made in memory, and written by Python.

Where a write fails, HDF5 cannot close its file, and crashes the process when it tries. So it never sees the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

from .sealed import BLOCK


def write_hdf5(path: Path, fill: Callable[[h5py.File], None], **options: Any) -> None:
    """Write an HDF5 file whose first `BLOCK` bytes are empty.

    Parameters
    ----------
    path
        Of the file.
    fill
        Puts everything into it.
    options
        Further ones of ``h5py.File``.
    """
    with h5py.File(path.name, "w", driver="core", backing_store=False, userblock_size=BLOCK, **options) as file:
        fill(file)
        file.flush()
        image = file.id.get_file_image()  # all but the first bytes
    with path.open("wb") as disk:
        disk.write(bytes(BLOCK))
        disk.write(image)
