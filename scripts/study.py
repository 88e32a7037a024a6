"""Write a study of an experiment as Markdown: ``python -m bagbench.scripts.study DIR STUDY.md``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import run


def study(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where `bagbench compare` wrote.")],
    out: Annotated[Path, typer.Argument(metavar="STUDY.md", help="The file to write.")],
    baseline: Annotated[str, typer.Option(help="The optimizer that all others are held against.")] = "random-search",
) -> None:
    """Hold every optimizer that raced in DIR against a baseline, and write what comes of it."""
    from ..analysis.races import load_experiment
    from ..analysis.study import study as write
    from ..analysis.summary import summarize
    from ..problems.files import write_atomically

    experiment = load_experiment(folder)
    write_atomically(out, write(experiment, summarize(experiment), baseline=baseline, page=str(out)))


if __name__ == "__main__":
    run(study)
