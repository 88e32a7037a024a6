"""The standings as a LaTeX table, for the package booktabs."""

from __future__ import annotations

import math
from pathlib import Path

from ..problems.files import write_atomically
from .races import Experiment
from .statistics import SIGNIFICANT
from .summary import Standing, Summary

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}

_HEAD = r"optimizer & hypervolume & quartiles & regret & IGD$^+$ & rank \\"


def escape(text: str, /) -> str:
    """Write a text so that LaTeX prints it as it is."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def standings_table(experiment: Experiment, summary: Summary, /) -> str:
    """Make the table: medians and quartiles over seeds, the best in bold, and marks of significance.

    A dagger stands at those whom the best does not beat significantly (paired Wilcoxon test, Holm-corrected).
    """
    best = summary.standings[0].optimizer
    beaten = {pair.second for pair in summary.comparisons if pair.first == best and pair.conclusive}
    tied = {line.optimizer for line in summary.standings} - beaten - {best}
    rows = "\n".join(_row(line, bold=line.place == 1, dagger=line.optimizer in tied) for line in summary.standings)
    marks = f" $\\dagger$: {escape(best)} is not significantly better" if tied else ""
    test = f" (paired Wilcoxon test, Holm-corrected, $\\alpha = {SIGNIFICANT}$)." if tied else ""
    return (
        "% Needs \\usepackage{booktabs}. Made by bagbench.\n"
        "\\begin{table}\n\\centering\n"
        f"\\caption{{Races on {escape(experiment.problem.name)}: medians over {len(experiment.seeds)} seeds, "
        f"ranks are averages."
        f"{marks}{test}}}\n"
        f"\\label{{tab:bagbench-{_label(experiment.problem.name)}}}\n"
        f"\\begin{{tabular}}{{lrcrrr}}\n\\toprule\n{_HEAD}\n\\midrule\n{rows}\n\\bottomrule\n"
        "\\end{tabular}\n\\end{table}\n"
    )


def write_table(experiment: Experiment, summary: Summary, path: Path, /) -> None:
    """Write `standings_table` to a file."""
    write_atomically(path, standings_table(experiment, summary))


def _row(line: Standing, *, bold: bool, dagger: bool) -> str:
    covered = line.hypervolume
    cells = (
        _emphasised(escape(line.optimizer), bold),
        _emphasised(f"{covered.median:.2f}", bold) + (r"\rlap{$^\dagger$}" if dagger else ""),
        f"[{covered.lower:.2f}, {covered.upper:.2f}]",
        _number(line.regret.median, 2),
        _number(line.igd_plus.median, 4),
        _number(line.average_rank, 2),
    )
    return " & ".join(cells) + r" \\"


def _emphasised(text: str, bold: bool) -> str:
    return f"\\textbf{{{text}}}" if bold else text


def _number(value: float, digits: int) -> str:
    return f"${value:.{digits}f}$" if math.isfinite(value) else "--"


def _label(name: str) -> str:
    return "".join(character if character.isascii() and character.isalnum() else "-" for character in name)
