"""Where long computations say how far they are; nobody listens by default."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Something that shows how far a computation has come."""

    def update(self, reached: float, /) -> None:
        """Take note of what has been ``reached``: simulated seconds of a race, or finished races of a grid."""
        ...


class NoProgress:
    """Shows nothing."""

    def update(self, reached: float, /) -> None:
        """Do nothing."""


SILENT = NoProgress()
