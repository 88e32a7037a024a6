"""Where long computations say how far they are; nobody listens by default."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Something that shows how far a computation has come."""

    def update(self, done: float, /, total: float | None = None, note: str = "") -> None:
        """Take note that ``done`` of ``total`` are done, and what has come of them.

        What is counted, and how many there are where ``total`` is None, the caller knows: simulated seconds of a race,
        races of a grid, runs of a table. The first that is told is where a computation begins that goes on from before.
        """
        ...


class NoProgress:
    """Shows nothing."""

    def update(self, done: float, /, total: float | None = None, note: str = "") -> None:
        """Do nothing."""


SILENT = NoProgress()
