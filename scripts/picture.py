"""Draw an experiment as an SVG: ``python -m bagbench.scripts.picture DIR PICTURE.svg``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import run


def picture(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where `bagbench compare` wrote.")],
    out: Annotated[Path, typer.Argument(metavar="PICTURE.svg", help="The file to write.")],
) -> None:
    """Draw the progress and the fronts of the races in DIR."""
    from ..analysis.picture import draw
    from ..analysis.races import load_experiment
    from ..problems.files import write_atomically

    write_atomically(out, draw(load_experiment(folder)))


if __name__ == "__main__":
    run(picture)
