"""The quality card of a surrogate as a section of the report."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from .tables import cell, table


def scores_table(card: Mapping[str, object], /) -> str:
    """Lay out in one table what the card says of each metric at full fidelity, each score beside its ceiling."""
    metrics = card.get("metrics")
    if not isinstance(metrics, Mapping):
        return ""
    rows = {name: _beside_ceilings(sections) for name, sections in metrics.items()}
    return _table("metric", rows)


def _beside_ceilings(sections: Mapping[str, Mapping[str, object]]) -> Mapping[str, object]:
    last, ceiling = sections["full_fidelity"], sections["ceiling"]
    names = {"r2": "R²", "kendall_tau": "Kendall’s tau", "rmse": "RMSE"}
    columns: dict[str, object] = {}
    for key, name in names.items():
        columns |= {name: last[key], f"{name}, noise ceiling": ceiling.get(key)}
    return columns


def card_tables(card: Mapping[str, object], /) -> str:
    """Lay out a quality card: numbers that belong together as tables, single facts as a list.

    Parameters
    ----------
    card
        Nested mappings. Mappings of numbers and words beside each other become a table with one row each; lists of
        equal length beside each other (a curve) become its columns; a list of mappings becomes its rows. Titles are
        the path of keys that leads there.
    """
    return "".join(_blocks("", card))


def _blocks(title: str, card: Mapping[str, object]) -> list[str]:
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    columns = _columns(card)
    rows = {key: value for key, value in card.items() if isinstance(value, Mapping) and _is_flat(value)}
    lists = {key: value for key, value in card.items() if _is_rows(value)}
    deep = {key: value for key, value in card.items() if isinstance(value, Mapping) and key not in rows}
    facts = {key: value for key, value in card.items() if key not in {*columns, *rows, *lists, *deep}}
    shown = [_facts(facts)] if facts else []
    shown += [_table("", rows)] if rows else []
    shown += [_curve(columns)] if columns else []
    blocks = [heading, *shown] if shown else []
    for key, value in (deep | lists).items():
        path = f"{title}, {_words(key)}" if title else _words(key).capitalize()
        if isinstance(value, Mapping):
            blocks += _blocks(path, value)
        elif isinstance(value, list):
            numbered = {str(number): row for number, row in enumerate(value, start=1)}
            blocks += [f"<h3>{escape(path)}</h3>", _table("#", numbered)]
    return blocks


def _is_flat(value: Mapping[str, object]) -> bool:
    return bool(value) and not any(isinstance(item, Mapping | list) for item in value.values())


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) and _is_flat(row) for row in value)


def _columns(card: Mapping[str, object]) -> dict[str, list[object]]:
    """Find two or more lists of equal length, at least three: a curve."""
    lists = {key: value for key, value in card.items() if isinstance(value, list) and not _is_rows(value)}
    lengths = {len(value) for value in lists.values()}
    return lists if len(lists) > 1 and len(lengths) == 1 and min(lengths) > 2 else {}


def _facts(facts: Mapping[str, object]) -> str:
    rows = "".join(f"<dt>{escape(_words(key))}</dt><dd>{escape(_text(value))}</dd>" for key, value in facts.items())
    return f'<dl class="pairs">{rows}</dl>'


def _curve(columns: Mapping[str, list[object]]) -> str:
    heads = tuple((_words(name), "") for name in columns)
    rows = zip(*columns.values(), strict=True)
    return table(heads, "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows))


def _table(first: str, rows: Mapping[str, Mapping[str, object]]) -> str:
    """Make a table with a line for each of ``rows``; ``first`` is the heading above their names."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    heads = ((first, "text"), *((_words(column), "") for column in columns))
    body = "".join(
        f"<tr>{cell(name, escape(_words(name)), 'text name')}{''.join(map(_cell, map(row.get, columns)))}</tr>"
        for name, row in rows.items()
    )
    return table(heads, body)


def _cell(value: object) -> str:
    return cell("" if value is None else value, escape(_text(value)))


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
