"""The verdict of an experiment, written into its folder and printed: what ``compare`` and ``report`` end with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from .console import output, plain_table, print_json

if TYPE_CHECKING:
    from ..analysis.indicators import Policy
    from ..analysis.overall import Overall
    from ..analysis.races import Experiment
    from ..analysis.statistics import Spread
    from ..analysis.summary import Summary

SUMMARY_FILE = "summary.csv"
FIGURES = "figures"
"""Folder of what papers print."""


def conclude(folder: Path, *, policy: Policy | None = None, figures: bool = False, as_json: bool) -> None:
    """Write ``summary.csv`` and ``report.html`` into an experiment's folder, and print who won.

    Parameters
    ----------
    policy
        Which trials count, from now on; None: as before.
    figures
        Whether to write figures and a table for papers, too.

    Raises
    ------
    FileProblem
        If the folder holds no experiment or no finished race, or one of its files is damaged.
    MissingExtra
        If there shall be figures, and matplotlib is not installed.
    """
    experiment, summary = _write(folder, policy, figures)
    if as_json:
        print_json(_verdict(experiment, summary, folder))
    else:
        _print(experiment, summary, folder)
        _print_figures(folder, figures)


def conclude_all(folder: Path, *, policy: Policy | None = None, figures: bool = False, as_json: bool) -> None:
    """Do what `conclude` does for every experiment in a folder, and the same for all together in the folder itself.

    Raises
    ------
    FileProblem, MissingExtra
        As `conclude`.
    InvalidArgument
        If no optimizer raced in all of them.
    """
    from ..analysis.overall import combine, render_overall, write_overall
    from ..analysis.report import REPORT_FILE
    from ..problems.files import write_atomically

    folders = experiments_in(folder)
    written = {path: _write(path, policy, figures) for path in folders}
    overall = combine({path.name: summary for path, (_, summary) in written.items()})
    write_overall(overall, folder / SUMMARY_FILE)
    pages = {path.name: f"{path.name}/{REPORT_FILE}" for path in folders}
    write_atomically(folder / REPORT_FILE, render_overall(overall, pages))
    if as_json:
        verdicts = {path.name: _verdict(*found, path) for path, found in written.items()}
        standings = [asdict(line) for line in overall.standings]
        files = {"report": str(folder / REPORT_FILE), "summary": str(folder / SUMMARY_FILE)}
        print_json({"headline": overall.headline, "standings": standings, "problems": verdicts, **files})
        return
    for path, found in written.items():
        output().print(path.name, style="bold")
        _print(*found, path)
        _print_figures(path, figures)
        output().print()
    _print_overall(overall, folder / REPORT_FILE)


def experiments_in(folder: Path) -> list[Path]:
    """List the experiments' folders in a folder, by name; none if it is an experiment's own."""
    from ..simulator.grid import EXPERIMENT_FILE

    if (folder / EXPERIMENT_FILE).exists() or not folder.is_dir():
        return []
    return sorted(path.parent for path in folder.glob(f"*/{EXPERIMENT_FILE}"))


def _write(folder: Path, policy: Policy | None, figures: bool) -> tuple[Experiment, Summary]:
    from ..analysis.latex import write_table
    from ..analysis.paper import write_figures
    from ..analysis.races import load_experiment, remember_policy, remembered_policy
    from ..analysis.report import REPORT_FILE, render
    from ..analysis.summary import summarize, write_summary
    from ..problems.files import write_atomically

    if policy is not None:
        remember_policy(folder, policy)
    experiment = load_experiment(folder, policy=remembered_policy(folder))
    summary = summarize(experiment)
    write_summary(summary, folder / SUMMARY_FILE)
    write_atomically(folder / REPORT_FILE, render(experiment, summary))
    if figures:
        write_figures(experiment, summary, folder / FIGURES)
        write_table(experiment, summary, folder / FIGURES / "table.tex")
    return experiment, summary


def _verdict(experiment: Experiment, summary: Summary, folder: Path) -> Mapping[str, object]:
    from ..analysis.report import REPORT_FILE
    from ..optimizers.needs import unmet_needs

    return {
        "headline": summary.headline,
        "warning": summary.warning,
        "missing_races": experiment.missing,
        "standings": [asdict(line) for line in summary.standings],
        "friedman": None if summary.friedman is None else asdict(summary.friedman),
        "regret_to": summary.goal.name,
        "policy": experiment.policy,
        "unmet_needs": list(unmet_needs(experiment.problem, experiment.optimizers)),
        "report": str(folder / REPORT_FILE),
        "summary": str(folder / SUMMARY_FILE),
    }


def _print(experiment: Experiment, summary: Summary, folder: Path) -> None:
    from ..analysis.display import duration
    from ..analysis.overview import still_missing
    from ..analysis.report import REPORT_FILE
    from ..optimizers.needs import unmet_needs

    tested = any(math.isfinite(score.test_hypervolume) for score in summary.scores)
    heads = ("#", "optimizer<", "hypervolume", "% of ideal", "regret", *(["test"] if tested else []))
    table = plain_table(*heads, "IGD+", "rank", "trials", "simulated", "real")
    for line in summary.standings:
        table.add_row(
            str(line.place),
            line.optimizer,
            _spread(line.hypervolume),
            f"{100 * line.normalized_hypervolume.median:.2f}",
            _number(line.regret.median, 2),
            *([_number(line.test_hypervolume.median, 2)] if tested else []),
            _number(line.igd_plus.median, 4),
            _number(line.average_rank, 2),
            f"{line.evaluations:,.0f}",
            duration(line.simulated_seconds),
            duration(line.wall_seconds),
        )
    console = output()
    console.print(table)
    notes = ["Medians over seeds, in brackets the middle half of the races; times are those of one race."]
    notes.append(f"Regret: hypervolume missing to the {summary.goal.name}.")
    if tested:
        notes.append("Test: hypervolume of the same networks by their test error.")
    if experiment.policy == "all":
        notes.append("Trials of any number of epochs count.")
    console.print(" ".join(notes), soft_wrap=True)
    console.print(f"\n{summary.headline}", style="bold", soft_wrap=True)
    if summary.friedman is not None and summary.warning is None:  # else its p-value is none to rely on
        console.print(f"{summary.friedman.sentence}.", soft_wrap=True)
    unmet = unmet_needs(experiment.problem, experiment.optimizers)
    for warning in (summary.warning, still_missing(experiment), *unmet):
        if warning:
            console.print(warning, style="yellow", soft_wrap=True)
    console.print(f"Report: {folder / REPORT_FILE}", soft_wrap=True)


def _print_overall(overall: Overall, report: Path) -> None:
    ranks = {(rank.problem, rank.optimizer): f"{rank.average_rank:.2f}" for rank in overall.ranks}
    table = plain_table("#", "optimizer<", "average rank", *overall.problems)
    for line in overall.standings:
        by_problem = [ranks[problem, line.optimizer] for problem in overall.problems]
        table.add_row(str(line.place), line.optimizer, f"{line.average_rank:.2f}", *by_problem)
    console = output()
    console.print(table)
    console.print(f"\n{overall.headline}", style="bold", soft_wrap=True)
    console.print(f"Report: {report}", soft_wrap=True)


def _print_figures(folder: Path, written: bool) -> None:
    if written:
        output().print(f"Figures and table: {folder / FIGURES}", soft_wrap=True)


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def _spread(spread: Spread) -> str:
    return f"{spread.median:.2f} ({spread.lower:.2f} to {spread.upper:.2f})"
