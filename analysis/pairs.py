"""Optimizers pair by pair: in words those of the winner, all as a table."""

from __future__ import annotations

from html import escape

from .overview import p_value_text, with_full_stop
from .statistics import Comparison
from .summary import Summary
from .tables import cell, table

_WORDS = 10
"""Pairs that are told in words; what people read."""

_HEADS = (
    ("ahead", "text"),
    ("behind", "text"),
    ("seeds won", ""),
    ("seeds lost", ""),
    ("of", ""),
    ("p (Wilcoxon, Holm)", ""),
    ("A12", ""),
    ("significant", "text"),
)


def pair_by_pair(summary: Summary, /) -> str:
    """Tell how the winner did against each other, and offer all pairs where those are not all."""
    pairs = summary.comparisons
    if not pairs:
        return ""
    told = pairs
    if len(pairs) > _WORDS:
        told = tuple(pair for pair in pairs if pair.first == summary.standings[0].optimizer)[:_WORDS]
    sentences = "".join(f"<li>{_sentence(pair)}</li>" for pair in told)
    words = f'<h3>Pair by pair</h3><ul class="plain">{sentences}</ul>'
    if len(told) == len(pairs):
        return words
    rows = "".join(_row(pair) for pair in pairs)
    return f"{words}<details><summary>All {len(pairs)} pairs</summary>{table(_HEADS, rows, 'pairs')}</details>"


def _sentence(pair: Comparison) -> str:
    chance = f"Vargha-Delaney A<sub>12</sub> = {1 - pair.a12 if pair.reversed else pair.a12:.2f}"
    return f"{escape(with_full_stop(pair.sentence))}<small>{p_value_text(pair)}; {chance}</small>"


def _verdict(pair: Comparison) -> str:
    """Say whether the difference is significant; the test may favour whom the medians do not."""
    return "yes" if pair.conclusive else "yes, for the one behind" if pair.reversed else "no"


def _row(pair: Comparison) -> str:
    cells = (
        cell(pair.first, escape(pair.first), "text"),
        cell(pair.second, escape(pair.second), "text"),
        cell(pair.wins, str(pair.wins)),
        cell(pair.losses, str(pair.losses)),
        cell(pair.seeds, str(pair.seeds)),
        cell(pair.p_value, f"{pair.p_value:.2g}"),
        cell(pair.a12, f"{pair.a12:.2f}"),
        cell(pair.conclusive - pair.reversed, _verdict(pair), "text"),
    )
    return f"<tr>{''.join(cells)}</tr>"
