"""Locks of a journal's folder: whose turn it is to change what all owners share, and which owners are alive."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..problems.errors import FileProblem

LOCK = "claims.lock"
"""Held by whoever joins the journal, claims runs, merges or removes it."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of ``folder``, which is made if it is not there; others wait meanwhile.

    Raises
    ------
    FileProblem
        If the file system has no locks.
    """
    path = folder / LOCK
    while True:
        try:
            folder.mkdir(exist_ok=True)
            file = path.open("ab")
        except (FileExistsError, FileNotFoundError):  # its last owner has just removed the folder: make it again
            continue
        with file:
            _lock(file)
            if _is(file, path):  # else the folder was removed while we waited
                os.utime(folder)  # a network file system may show an old listing, unless something has changed
                yield
                break
    if not path.exists():  # the block has removed it; a network file system keeps it, renamed, until it is closed
        _remove_empty(folder)


def lives(owner_file: Path) -> bool:
    """Tell whether the process that writes ``owner_file`` is alive: it holds a lock on it for as long as it lives."""
    try:
        with owner_file.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def remove(folder: Path) -> None:
    """Remove a journal whose lock the caller holds, and which no owner writes.

    The plan goes last but one, so that being killed in between leaves a journal that can be merged again; the lock
    goes last, so that nobody joins before all is gone.
    """
    for path in sorted(folder.iterdir(), key=lambda path: path.name == "plan.json"):
        if path.name != LOCK:
            path.unlink()
    (folder / LOCK).unlink()
    _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.ENOENT):  # somebody has joined since: the folder is theirs
            raise


def _lock(file: IO[bytes]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise
        raise FileProblem(
            f"cannot lock {file.name}: its file system has no locks ({error.strerror}); mount it with locks, or name a "
            "table elsewhere"
        ) from error


def _is(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
