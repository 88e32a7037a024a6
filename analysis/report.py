"""The report: one HTML file that shows who won a race, how sure that is, and at what cost.

The page asks nothing of anybody: Plotly's script, the style and the data are in it, and its fonts are the reader's.
"""

from __future__ import annotations

import json
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

from ..problems.files import write_atomically
from .indicators import Policy
from .overview import overview
from .plotting import Figure
from .races import Experiment, load_experiment
from .sections import Section, all_sections
from .style import DARK, LIGHT, theme
from .summary import Summary, summarize

REPORT_FILE = "report.html"


def write_report(folder: Path, /, *, policy: Policy = "full") -> Path:
    """Write ``folder/report.html`` from ``folder/experiment.json`` and ``folder/races/*.h5``, and give its path.

    Raises
    ------
    FileProblem
        If the folder holds no experiment or no finished race, or one of its files is damaged.
    """
    experiment = load_experiment(folder, policy=policy)
    path = folder / REPORT_FILE
    write_atomically(path, render(experiment, summarize(experiment)))
    return path


def render(experiment: Experiment, summary: Summary, /) -> str:
    """Make the page."""
    from plotly.offline import get_plotlyjs

    parts = all_sections(experiment, summary)
    drawn = {part.name: part.figure for part in parts if part.figure is not None}
    return Template(_read("report.html")).substitute(
        title=escape(f"{experiment.problem.name}: {', '.join(experiment.optimizers)}"),
        version=escape(experiment.versions.get("bagbench", "")),
        light=theme(LIGHT),
        dark=theme(DARK),
        css=_read("report.css"),
        body=overview(experiment, summary) + "".join(_section(part) for part in parts),
        figures=_json(drawn),
        plotly=get_plotlyjs(),
        js=_read("report.js"),
    )


def _section(part: Section) -> str:
    lead = f"<p>{part.lead}</p>"
    if part.figure is not None:
        plot = f'<div class="scroll"><div class="plot" data-figure="{part.name}"></div></div>'
        lead = f"<figure><figcaption>{part.lead}</figcaption>{plot}</figure>"
    return f'\n<section id="{part.name}">\n<h2>{part.title}</h2>\n{lead}\n{part.body}\n</section>'


def _json(drawn: dict[str, Figure]) -> str:
    """Write JSON that may stand inside a ``<script>``: no text in it can end the element."""
    return json.dumps(drawn, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _read(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")
