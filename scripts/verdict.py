"""The verdict of an experiment, written into its folder and printed: what ``compare`` and ``report`` end with."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from .console import output, plain_table, print_json

if TYPE_CHECKING:
    from ..analysis.statistics import Spread
    from ..analysis.summary import Summary


def conclude(folder: Path, *, as_json: bool) -> None:
    """Write ``summary.csv`` and ``report.html`` into an experiment's folder, and print who won.

    Raises
    ------
    FileProblem
        If the folder holds no experiment or no finished race, or one of its files is damaged.
    """
    from ..analysis.races import load_experiment
    from ..analysis.report import REPORT_FILE, render
    from ..analysis.summary import summarize, write_summary
    from ..problems.files import write_atomically

    experiment = load_experiment(folder)
    summary = summarize(experiment)
    write_summary(summary, folder / "summary.csv")
    write_atomically(folder / REPORT_FILE, render(experiment, summary))
    if as_json:
        standings = [asdict(line) for line in summary.standings]
        verdict = {"headline": summary.headline, "warning": summary.warning, "standings": standings}
        print_json({**verdict, "report": str(folder / REPORT_FILE), "summary": str(folder / "summary.csv")})
    else:
        _print(summary, folder / REPORT_FILE)


def _print(summary: Summary, report: Path) -> None:
    from ..analysis.display import duration

    table = plain_table("#", "optimizer<", "hypervolume", "% of ideal", "IGD+", "rank", "trials", "simulated", "real")
    for line in summary.standings:
        table.add_row(
            str(line.place),
            line.optimizer,
            _spread(line.hypervolume),
            f"{100 * line.normalized_hypervolume.median:.2f}",
            f"{line.igd_plus.median:.4f}",
            f"{line.average_rank:.2f}",
            f"{line.evaluations:,.0f}",
            duration(line.simulated_seconds),
            duration(line.wall_seconds),
        )
    console = output()
    console.print(table)
    console.print("Medians over seeds, in brackets the middle half of the races; times are those of one race.")
    console.print(f"\n[bold]{summary.headline}[/bold]", soft_wrap=True)
    if summary.warning:
        console.print(f"[yellow]{summary.warning}[/yellow]", soft_wrap=True)
    console.print(f"Report: {report}", soft_wrap=True)


def _spread(spread: Spread) -> str:
    return f"{spread.median:.2f} ({spread.lower:.2f} to {spread.upper:.2f})"
