"""``bagbench report``: write report and summary again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import AsJson
from .verdict import conclude


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where `bagbench compare` wrote.")],
    as_json: AsJson = False,
) -> None:
    """Rebuild report.html and summary.csv from the races in DIR, finished or not."""
    conclude(folder, as_json=as_json)
