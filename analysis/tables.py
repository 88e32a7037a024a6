"""Tables of the report, which sort by the values behind what they show."""

from __future__ import annotations

import math
from html import escape


def table(heads: tuple[tuple[str, str], ...], rows: str, name: str = "") -> str:
    """Make a table that sorts; ``heads`` are titles with their CSS class, ``rows`` is HTML."""
    head = "".join(f'<th scope="col" class="{kind}">{escape(text)}</th>' for text, kind in heads)
    identity = f' id="{name}"' if name else ""
    return (
        f'<div class="scroll"><table class="sortable"{identity}><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def cell(value: object, shown: str, kind: str = "") -> str:
    """Make a cell that sorts by ``value``, whatever it shows."""
    return f'<td class="{kind}" data-value="{escape(str(value))}">{shown}</td>'


def number(value: object) -> str:
    """Write a number shortly, or any other value as it is."""
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "—"
    return str(value)


def fixed(value: float) -> str:
    """Write a number below 1, aligned with others of its column."""
    return f"{value:.4f}" if math.isfinite(value) else "—"
