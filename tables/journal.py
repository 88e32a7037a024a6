"""The journal of a table: runs that are finished but not yet merged, in a folder ``<table>.journal/``.

::

    plan.json              what is being collected (written once; every process that joins follows it)
    <owner>.jsonl          one line per finished run: JSON, a tab, the CRC-32 of the JSON in hexadecimal
    claims.jsonl           one line per run that an owner has taken on: {"index": plan index, "owner": name}
    claims.lock            guards claims.jsonl

An owner is one collecting process. It alone writes its file, flushes every line to the disk, and holds a lock on the
file for as long as it lives: so a claim of the dead is known by a lock that can be had. A torn last line is a run
that was in flight and is ignored.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import zlib
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..problems.errors import FileProblem

Entry = Mapping[str, object]
"""One finished run, as JSON; see ``tables/README.md``."""


def journal_folder(table: Path) -> Path:
    """Name the journal's folder of a ``table``."""
    return table.with_name(table.name + ".journal")


def read_entries(folder: Path) -> Iterator[Entry]:
    """Read all finished runs of a journal, file by file in order of their names.

    Raises
    ------
    FileProblem
        If a line other than the last of its file is damaged.
    """
    for path in sorted(folder.glob("*.jsonl")):
        if path.name != "claims.jsonl":
            yield from _read_file(path)


def _read_file(path: Path) -> Iterator[Entry]:
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        text, _, checksum = line.rpartition(b"\t")
        if checksum == b"%08x" % zlib.crc32(text):
            yield json.loads(text)
        elif number < len(lines) - 1:
            raise FileProblem(
                f"journal {path}, line {number}: its checksum does not match, so the file was altered after it was "
                "written; move it away to go on without its runs"
            )


def write_atomically(path: Path, text: str) -> None:
    """Write a text file that appears whole or not at all."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


class Journal:
    """One owner's part in a journal; use it as a context manager.

    Parameters
    ----------
    folder
        Of the journal; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._file: IO[bytes] = (folder / f"{self.owner}.jsonl").open("ab", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._claims: dict[int, str] = {}
        self._claims_read = 0
        self._legacies: dict[str, set[object]] = {}

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        path = self._folder / f"{self.owner}.jsonl"
        if not path.stat().st_size:
            path.unlink()
        self._file.close()

    def append(self, entry: Entry) -> None:
        """Add a finished run; it is on the disk when this returns."""
        text = json.dumps(entry, separators=(",", ":"), sort_keys=True).encode()
        self._file.write(b"%s\t%08x\n" % (text, zlib.crc32(text)))
        os.fsync(self._file.fileno())

    def claim(self, indices: Iterable[int], count: int, done: Set[int]) -> list[int]:
        """Take on up to ``count`` runs of the plan, the first that nobody has done or is doing.

        Parameters
        ----------
        indices
            Plan indices to look at, in order.
        count
            How many are wanted.
        done
            Plan indices that are finished, whoever claimed them.
        """
        taken: list[int] = []
        with self._lock():
            self._read_claims()
            living: dict[str, bool] = {}
            for index in indices:
                if len(taken) == count:
                    break
                owner = self._claims.get(index)
                if index in done or (owner is not None and self._holds(owner, index, living)):
                    continue
                taken.append(index)
            with (self._folder / "claims.jsonl").open("ab") as file:
                file.write(b"".join(b'{"index":%d,"owner":"%s"}\n' % (i, self.owner.encode()) for i in taken))
        return taken

    def others_live(self) -> bool:
        """Tell whether another process is collecting into this journal now."""
        return any(self._lives(path.stem) for path in self._folder.glob("*.jsonl") if path.stem not in (self.owner, "claims"))

    def _holds(self, owner: str, index: int, living: dict[str, bool]) -> bool:
        """Tell whether ``owner`` is at work on a run, or had finished it before it ended."""
        if owner not in living:
            living[owner] = self._lives(owner)
        if living[owner]:
            return True
        if owner not in self._legacies:
            path = self._folder / f"{owner}.jsonl"
            entries = _read_file(path) if path.exists() else ()
            self._legacies[owner] = {entry["index"] for entry in entries}
        return index in self._legacies[owner]

    def _read_claims(self) -> None:
        path = self._folder / "claims.jsonl"
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self._claims_read)
            for line in file:
                if line.endswith(b"\n"):
                    self._claims_read += len(line)
                    claim = json.loads(line)
                    self._claims[claim["index"]] = claim["owner"]

    def _lives(self, owner: str) -> bool:
        if owner == self.owner:
            return True
        try:
            with (self._folder / f"{owner}.jsonl").open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self._folder / "claims.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
