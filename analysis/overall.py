"""Several problems together: who ranks best on average.

Hypervolumes of different problems cannot be added, ranks can: within each problem and seed the optimizers are ranked,
ranks are averaged over the seeds, then over the problems. There is no test of significance: seeds of one problem are
no independent problems (Demsar 2006, JMLR 7, section 3.2.3), and a few problems are too few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from html import escape
from importlib import resources
from pathlib import Path

import numpy as np

from ..problems.errors import InvalidArgument
from ..problems.files import write_csv
from .summary import Summary, final_ranks

ALL = "all"
"""What stands for the problem in the lines over all of them."""

_SAME = 1e-9  # average ranks that only rounding makes different share a place


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """One optimizer on one problem, or on all: a line of the ``summary.csv`` of several problems."""

    problem: str
    """`ALL` in the lines over all problems."""
    optimizer: str
    place: int
    """1 is best; equal average ranks share a place."""
    average_rank: float
    """Among the optimizers that raced on every problem; NaN if these have no seed in common."""
    hypervolume: float | None
    """Median over seeds; None over all problems, whose hypervolumes have no common unit."""


COLUMNS = tuple(column.name for column in fields(Rank))
"""Header of the ``summary.csv`` of several problems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overall:
    """What is concluded from several problems."""

    problems: tuple[str, ...]
    ranks: tuple[Rank, ...]
    """By problem, `ALL` last; best first."""

    @property
    def standings(self) -> tuple[Rank, ...]:
        """The lines over all problems, best first."""
        return tuple(rank for rank in self.ranks if rank.problem == ALL)

    @property
    def headline(self) -> str:
        """Who is best on average, in one sentence."""
        best = [rank for rank in self.standings if rank.place == 1]
        names = " and ".join(rank.optimizer for rank in best)
        return (
            f"Over {len(self.problems)} problems, {names} {'has' if len(best) == 1 else 'share'} the best average "
            f"rank: {best[0].average_rank:.2f} among {len(self.standings)}."
        )


def combine(summaries: Mapping[str, Summary], /) -> Overall:
    """Rank the optimizers over several problems.

    Parameters
    ----------
    summaries
        By problem. Optimizers that are not in all of them are left out.

    Raises
    ------
    InvalidArgument
        If no optimizer raced on every problem.
    """
    raced = [[line.optimizer for line in summary.standings] for summary in summaries.values()]
    names = sorted(set.intersection(*map(set, raced)))
    if not names:
        raise InvalidArgument(
            f"no optimizer raced on all of {', '.join(summaries)}: expected experiments with --optimizers in common"
        )
    medians = {
        problem: {line.optimizer: line.hypervolume.median for line in summary.standings}
        for problem, summary in summaries.items()
    }
    ranks = {
        problem: dict(zip(names, final_ranks(summary.scores, names), strict=True))
        for problem, summary in summaries.items()
    }
    average = {name: float(np.mean([by_name[name] for by_name in ranks.values()])) for name in names}
    lines = [line for problem in summaries for line in _lines(problem, ranks[problem], medians[problem])]
    return Overall(problems=tuple(summaries), ranks=(*lines, *_lines(ALL, average, {})))


def _lines(problem: str, ranks: Mapping[str, float], medians: Mapping[str, float]) -> list[Rank]:
    return [
        Rank(
            problem=problem,
            optimizer=name,
            place=1 + sum(other < ranks[name] - _SAME for other in ranks.values()),
            average_rank=ranks[name],
            hypervolume=medians.get(name),
        )
        for name in sorted(ranks, key=lambda name: (ranks[name], name))
    ]


def write_overall(overall: Overall, path: Path, /) -> None:
    """Write the ``summary.csv`` of several problems: numbers with all their digits, and nothing for None."""
    write_csv(path, COLUMNS, (astuple(rank) for rank in overall.ranks))


def render_overall(overall: Overall, pages: Mapping[str, str], /) -> str:
    """Make a short page that links the reports of the problems, ``pages`` by problem, below the average ranks."""
    ranks = {(rank.problem, rank.optimizer): f"{rank.average_rank:.2f}" for rank in overall.ranks}
    heads = "".join(f'<th scope="col"><a href="{escape(pages[name])}">{escape(name)}</a></th>' for name in pages)
    rows = "".join(
        _row(
            [
                str(line.place),
                line.optimizer,
                f"{line.average_rank:.2f}",
                *(ranks[name, line.optimizer] for name in pages),
            ]
        )
        for line in overall.standings
    )
    css = (resources.files(__package__) / "report.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(', '.join(pages))}</title>\n<style>{css}</style></head>\n<body><main><header>"
        f"<h1>{escape(overall.headline)}</h1>"
        '<p class="lead">Average ranks by final hypervolume, within each seed; the heading of a problem leads to its '
        'report.</p></header>\n<section><div class="scroll"><table><thead><tr><th scope="col">#</th>'
        f'<th scope="col" class="text">optimizer</th><th scope="col">all</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section></main></body></html>\n"
    )


def _row(cells: Sequence[str]) -> str:
    kinds = ("", ' class="text"')
    return "<tr>" + "".join(f"<td{kinds[n == 1]}>{escape(cell)}</td>" for n, cell in enumerate(cells)) + "</tr>"
