"""``bagbench merge``: put together what machines without a common disk have collected."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import print_json
from .options import AsJson, check_suffix


def merge(
    tables: Annotated[list[Path], typer.Argument(help="Tables that were collected by one plan, *.h5.")],
    out: Annotated[Path, typer.Option(help="The table to write: one of them, or a new file.")],
    as_json: AsJson = False,
) -> None:
    """Put the runs of several TABLES of one plan into one.

    They are what `populate --resume --share K/N` makes of copies of a table that was begun once.
    """
    from ..tables.merge import merge_tables

    check_suffix(out, ".h5")
    runs = merge_tables(tables, out)
    if as_json:
        print_json({"table": str(out), "runs": runs})
    else:
        typer.echo(f"{out} now holds {runs} runs", err=True)
