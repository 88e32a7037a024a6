"""What an optimizer's thinking costs: nothing, a constant, or nothing but recorded.

Real time never enters the simulated clock, or the same race would end differently on a busy machine. To race with
the true cost of thinking, measure it once (`MeasuredOverhead`, then ``history.thinking``) and charge it as a constant.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

from ..problems.errors import InvalidArgument


def real_seconds() -> float:
    """Read the real clock, in seconds since an arbitrary start."""
    return time.perf_counter()


def processor_seconds() -> float:
    """Read what this process has used of all processors, in seconds: whatever else they do does not count."""
    return time.process_time()


class Overhead(Protocol):
    """How the simulator charges and times thoughts; a thought is the `ask` of one trial with the `tell`s before it."""

    @property
    def seconds(self) -> float:
        """Simulated seconds that every thought costs."""
        ...

    def clock(self) -> float:
        """Read the stopwatch that times the thoughts for the record."""
        ...


@dataclass(frozen=True, slots=True)
class NoOverhead:
    """Thinking is free and not timed."""

    seconds: float = field(default=0.0, init=False)

    def clock(self) -> float:
        """Stand still."""
        return 0.0


@dataclass(frozen=True, slots=True)
class ConstantOverhead:
    """Every thought costs the same simulated ``seconds``.

    Raises
    ------
    InvalidArgument
        If they are negative or not finite.
    """

    seconds: float

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < float("inf"):
            raise InvalidArgument(f"overhead is {self.seconds} seconds a thought: expected a finite number >= 0")

    def clock(self) -> float:
        """Stand still."""
        return 0.0


@dataclass(frozen=True, slots=True)
class MeasuredOverhead:
    """Thoughts are timed by the real clock and recorded in ``History.thinking``; the simulated clock ignores them."""

    seconds: float = field(default=0.0, init=False)

    def clock(self) -> float:
        """Read the real clock."""
        return real_seconds()
