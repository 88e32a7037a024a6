"""The file of a tuning, ``<surrogate>.tuning.jsonl``: finished trials, so that nothing is done twice.

::

    {"format": "bagbench-tuning", "version": 1, ...}    what is tuned: the table, the recipe, the ranges, the folds
    {"losses": [...], "settings": {...}}                one line for each finished trial, in order

Each line is JSON, a tab, and the CRC-32 of the JSON in hexadecimal. A torn last line is a trial that was in flight.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ..problems.errors import FileProblem, OutputConflict
from ..problems.files import write_atomically
from .settings import Values

FORMAT, VERSION = "bagbench-tuning", 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One recipe, judged."""

    settings: Values
    losses: tuple[float, ...]
    """Of the folds, in order; fewer than there are folds if it was stopped early."""


class TuningFile:
    """The finished trials of one tuning; use it as a context manager.

    Parameters
    ----------
    path
        Made if it is not there.
    subject
        What is tuned and how: a document of JSON.

    Raises
    ------
    OutputConflict
        If the file is of another tuning, or another process is writing it.
    FileProblem
        If the file is no such file, or damaged before its last line.
    """

    def __init__(self, path: Path, subject: Mapping[str, object]) -> None:
        self.trials: list[Trial] = []
        """In the order in which they were done."""
        head = json.loads(json.dumps({"format": FORMAT, "version": VERSION, **subject}))
        if not path.exists():
            write_atomically(path, _line(head).decode())
        self._file: IO[bytes] = path.open("r+b")
        try:
            self._lock(path)
            self._read(path, head)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> TuningFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, trial: Trial) -> None:
        """Add a finished trial; it is on the disk when this returns."""
        self._file.write(_line(asdict(trial)))
        self._file.flush()
        os.fsync(self._file.fileno())
        self.trials.append(trial)

    def _lock(self, path: Path) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputConflict(
                f"{path} is being written by another process: wait for its end, or tune to another --out"
            ) from error

    def _read(self, path: Path, head: Mapping[str, object]) -> None:
        """Read the trials, and leave the file at the end of the last whole line."""
        first, *lines = self._file.read().split(b"\n")
        found = _parse(first)
        if found is None or found.get("format") != FORMAT:
            raise FileProblem(f"{path} is no file of a tuning, or damaged: move it away to tune from the beginning")
        others = sorted(key for key in {*head, *found} if head.get(key) != found.get(key))
        if others:
            raise OutputConflict(
                f"{path} is of another tuning, {' and '.join(others)} differ: move it away, or tune to another --out"
            )
        end = len(first) + 1
        for number, line in enumerate(lines, start=2):
            document = _parse(line)
            if document is not None and number <= len(lines):  # the last piece has no line end
                self.trials.append(Trial(settings=document["settings"], losses=tuple(document["losses"])))
                end += len(line) + 1
            elif number < len(lines):
                raise FileProblem(
                    f"{path}, line {number}: its checksum does not match, so the file was altered after it was "
                    "written; move it away to tune from the beginning"
                )
        self._file.seek(end)
        self._file.truncate()


def _line(document: Mapping[str, object]) -> bytes:
    text = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    return b"%s\t%08x\n" % (text, zlib.crc32(text))


def _parse(line: bytes) -> dict[str, Any] | None:
    """Give the document of a line; None if it is not whole."""
    text, _, checksum = line.rpartition(b"\t")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    document: dict[str, Any] = json.loads(text)
    return document
