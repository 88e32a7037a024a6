"""The quality card of a surrogate as a section of the report."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape


def card_tables(card: Mapping[str, object], /) -> str:
    """Lay out a quality card: numbers that belong together as tables, single facts as a list.

    Parameters
    ----------
    card
        Nested mappings; a mapping whose values are all mappings of numbers and words becomes a table with one row
        each, its title being the path of keys that leads to it.
    """
    return "".join(_blocks("", card))


def _blocks(title: str, card: Mapping[str, object]) -> list[str]:
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    nested = {key: value for key, value in card.items() if isinstance(value, Mapping)}
    facts = {key: value for key, value in card.items() if not isinstance(value, Mapping)}
    blocks = [heading + _facts(facts)] if facts else []
    if nested and all(_is_flat(value) for value in nested.values()):
        return [*blocks, ("" if facts else heading) + _table(nested)]
    for key, value in nested.items():
        blocks += _blocks(f"{title}, {_words(key)}" if title else _words(key).capitalize(), value)
    return blocks


def _is_flat(value: Mapping[str, object]) -> bool:
    return not any(isinstance(item, Mapping | list) for item in value.values())


def _facts(facts: Mapping[str, object]) -> str:
    rows = "".join(f"<dt>{escape(_words(key))}</dt><dd>{escape(_text(value))}</dd>" for key, value in facts.items())
    return f'<dl class="pairs">{rows}</dl>'


def _table(rows: Mapping[str, Mapping[str, object]]) -> str:
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    head = "".join(f'<th scope="col">{escape(_words(column))}</th>' for column in columns)
    body = "".join(
        f'<tr><th class="text" scope="row">{escape(_words(name))}</th>'
        + "".join(f"<td>{escape(_text(row.get(column)))}</td>" for column in columns)
        + "</tr>"
        for name, row in rows.items()
    )
    return f'<div class="scroll"><table><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _words(key: str) -> str:
    return str(key).replace("_", " ")


def _text(value: object) -> str:
    if value is None:
        return "—"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
