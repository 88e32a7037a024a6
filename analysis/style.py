"""How an optimizer looks: the same colour, dash and marker in every figure, on screen and on paper.

The colours differ by 9 or more (CIE 1976, from the eyes of people with any colour blindness, too); after eight of
them they come again with another dash and marker, so that no two of 48 optimizers look alike.
"""

from __future__ import annotations

from dataclasses import dataclass

LIGHT = ("#0072b2", "#d55e00", "#159a72", "#a8327d", "#6b4a00", "#23262e", "#46a3e2", "#8a8f99")
"""Colours of lines on white paper."""

DARK = ("#56b4e9", "#ff8a3d", "#1fa67d", "#d65fb0", "#ffe98a", "#f4f6fa", "#3f74d6", "#9a6230")
"""Colours of lines on black."""

DASHES = 6
SYMBOLS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """Numbers of a colour, a dash and a marker, counted from 0."""

    colour: int
    dash: int
    symbol: int


def style(place: int, /) -> Style:
    """Give the optimizer in a place, counted from 0, its looks."""
    turns = place // len(LIGHT)
    return Style(colour=place % len(LIGHT), dash=(place - turns) % DASHES, symbol=(place + turns) % SYMBOLS)


def theme(colours: tuple[str, ...], /) -> str:
    """Write colours as CSS variables, ``--series-1`` and so on."""
    return "".join(f"--series-{number}:{colour};" for number, colour in enumerate(colours, start=1))
