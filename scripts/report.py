"""``bagbench report``: write report and summary again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import AsJson, Figures, Policy
from .verdict import conclude, conclude_all, experiments_in


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where `bagbench compare` wrote.")],
    policy: Policy = None,
    figures: Figures = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild report.html and summary.csv from the races in DIR, finished or not; by default with the same --policy."""
    from ..analysis.indicators import check_policy

    chosen = None if policy is None else check_policy(policy)
    if experiments_in(folder):
        conclude_all(folder, policy=chosen, figures=figures, as_json=as_json)
    else:
        conclude(folder, policy=chosen, figures=figures, as_json=as_json)
