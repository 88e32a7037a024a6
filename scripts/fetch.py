"""``bagbench fetch``: bring the images of a problem to this machine; nothing else ever downloads."""

from __future__ import annotations

from typing import Annotated

import typer

from .console import remark


def fetch(
    problem: Annotated[str, typer.Argument(metavar="PROBLEM", help="A problem with images to train on, e.g. fashion.")],
) -> None:
    """Check the images of PROBLEM, and download them to the user's cache if they are not on this machine.

    Only training needs images: `populate`, `validate` and the trainer. Races on a surrogate or a table need none.
    """
    from ..problems.datasets import fetch_images

    data = fetch_images(problem)
    counts = (f"{len(split.labels):,}" for split in (data.train, data.validation, data.test))
    remark(f"{problem}: {' / '.join(counts)} images to train on, validate and test are here and as published")
