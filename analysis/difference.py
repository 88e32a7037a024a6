"""The layout of a critical difference diagram (Demsar 2006, Journal of Machine Learning Research 7, figure 1).

Ranks lie on an axis, the best on the left; each optimizer hangs on a line that leads to its name at the nearer side;
a bar joins those that cannot be told apart. Heights count rows downwards from the axis, which is at 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from .friedman import Friedman


@dataclass(frozen=True, slots=True, kw_only=True)
class Hanger:
    """One optimizer: from its rank on the axis down to a row and sideways to its name."""

    optimizer: str
    rank: float
    row: float
    left: bool
    """Whether the name stands on the left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagram:
    """What is drawn, in ranks and rows."""

    count: int
    """Optimizers; the axis goes from 1 to it."""
    width: float
    """The critical difference."""
    bars: tuple[tuple[float, float, float], ...]
    """First rank, last rank and row of each group."""
    hangers: tuple[Hanger, ...]
    rows: float
    """The lowest row."""


BAR_ROWS = 0.5
"""From one bar to the next, in rows of names."""


def diagram(result: Friedman, /) -> Diagram:
    """Place names and bars so that none overlap."""
    names = list(result.average_ranks)
    bars: list[tuple[float, float, float]] = []
    for group in result.groups:
        first, last = result.average_ranks[group[0]], result.average_ranks[group[-1]]
        level = 1
        while any(row == BAR_ROWS * level and begin <= last and first <= stop for begin, stop, row in bars):
            level += 1
        bars.append((first, last, BAR_ROWS * level))
    below = max((row for *_, row in bars), default=0.0)
    half = (len(names) + 1) // 2
    hangers = [
        Hanger(
            optimizer=name,
            rank=result.average_ranks[name],
            row=below + 1.0 + (place if place < half else len(names) - 1 - place),
            left=place < half,
        )
        for place, name in enumerate(names)
    ]
    return Diagram(
        count=len(names),
        width=result.critical_difference,
        bars=tuple(bars),
        hangers=tuple(hangers),
        rows=max(hanger.row for hanger in hangers),
    )
