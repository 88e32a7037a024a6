"""The journal of a table: runs that are finished but not yet merged, in a folder ``<table>.journal/``.

::

    plan.json              what is being collected (written once; every process that joins follows it)
    <owner>.jsonl          one line per finished run: JSON, a tab, the CRC-32 of the JSON in hexadecimal
    claims.jsonl           one line per run that an owner has taken on: {"index": plan index, "owner": name}
    claims.lock            held while a process joins, claims runs, or merges and removes the journal

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
from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import IO

from ..problems.errors import FileProblem, OutputConflict
from ..problems.files import write_atomically
from .designs import Plan
from .lock import lives, locked, remove
from .runs import Entry


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
    last = len(lines) - (not lines[-1])  # after a torn line comes no other
    for number, line in enumerate(lines, start=1):
        text, _, checksum = line.rpartition(b"\t")
        if checksum == b"%08x" % zlib.crc32(text):
            yield json.loads(text)
        elif number < last:
            raise FileProblem(
                f"journal {path}, line {number}: its checksum does not match, so the file was altered after it was "
                "written; move it away to go on without its runs"
            )


class Journal:
    """One owner's part in a journal; use it as a context manager.

    Parameters
    ----------
    folder
        Of the journal; made if it is not there.
    plan
        What is being collected.

    Raises
    ------
    OutputConflict
        If the journal is of another plan.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder = folder
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._path = folder / f"{self.owner}.jsonl"
        self._claims: dict[int, str] = {}
        self._claims_read = 0
        self._legacies: dict[str, set[int]] = {}
        with locked(folder):
            path = folder / "plan.json"
            if not path.exists():
                write_atomically(path, plan.to_json())
            elif Plan.from_json(path.read_text()) != plan:
                raise OutputConflict(f"{folder} has been begun with another plan meanwhile: add --resume to follow it")
            self._file: IO[bytes] = self._path.open("ab")
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        with locked(self._folder):
            self._file.flush()
            if not self._path.stat().st_size:
                self._path.unlink()
            self._file.close()
            if not any(path.name != "claims.jsonl" for path in self._folder.glob("*.jsonl")):
                remove(self._folder)  # nobody has come to anything, and nobody is there

    def append(self, *entries: Entry) -> None:
        """Add finished runs; they are on the disk when this returns."""
        for entry in entries:
            text = json.dumps(entry, separators=(",", ":"), sort_keys=True).encode()
            self._file.write(b"%s\t%08x\n" % (text, zlib.crc32(text)))
        self._file.flush()
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
        with locked(self._folder):
            self._read_claims()
            living: dict[str, bool] = {}
            for index in indices:
                if len(taken) == count:
                    break
                owner = self._claims.get(index)
                if index in done or (owner is not None and self._holds(owner, index, living)):
                    continue
                taken.append(index)
            self._write_claims(taken)
        return taken

    def _holds(self, owner: str, index: int, living: dict[str, bool]) -> bool:
        """Tell whether ``owner`` is at work on a run, or had finished it before it ended."""
        if owner not in living:
            living[owner] = self._lives(owner)
        if living[owner]:
            return True
        if owner not in self._legacies:
            path = self._folder / f"{owner}.jsonl"
            self._legacies[owner] = {entry["index"] for entry in _read_file(path)} if path.exists() else set()
        return index in self._legacies[owner]

    def _read_claims(self) -> None:
        """Read the claims that were added since the last time; half a line is the end of an owner who was killed."""
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

    def _write_claims(self, indices: Iterable[int]) -> None:
        """Add claims behind the last whole line."""
        with (self._folder / "claims.jsonl").open("ab") as file:
            file.truncate(self._claims_read)
            file.write(b"".join(b'{"index":%d,"owner":"%s"}\n' % (index, self.owner.encode()) for index in indices))

    def _lives(self, owner: str) -> bool:
        return owner == self.owner or lives(self._folder / f"{owner}.jsonl")
