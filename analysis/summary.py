"""From races to a verdict: one line a race, one line an optimizer, one sentence for everybody.

``summary.csv`` has a `Score` a line; the command line and the report print `Standing`s.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from ..problems.files import write_atomically
from .indicators import hypervolume, igd_plus, normalized_hypervolume
from .races import Experiment
from .statistics import Comparison, Spread, average_ranks, compare, few_seeds_warning, spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What one race achieved and cost: the columns of ``summary.csv``."""

    optimizer: str
    seed: int
    hypervolume: float
    """In the units of the objectives, against the problem's reference point."""
    normalized_hypervolume: float
    """Share of the box between ideal and reference point, in [0, 1]."""
    igd_plus: float
    """Distance to the pooled front of this experiment, in units of that box; infinite without any result."""
    evaluations: int
    simulated_seconds: float
    wall_seconds: float
    digest: str


COLUMNS = tuple(column.name for column in fields(Score))
"""Header of ``summary.csv``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One line of the ranked table."""

    place: int
    """1 is best; equal medians share a place."""
    optimizer: str
    hypervolume: Spread
    normalized_hypervolume: Spread
    igd_plus: Spread
    average_rank: float
    """Mean over seeds of the final rank among the optimizers."""
    evaluations: float
    """Median number of trials completed."""
    simulated_seconds: float
    """Median simulated time."""
    wall_seconds: float
    """Mean real time of a race."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Everything that is concluded from an experiment."""

    scores: tuple[Score, ...]
    standings: tuple[Standing, ...]
    """Best first, by median hypervolume."""
    comparisons: tuple[Comparison, ...]
    warning: str | None
    """Why nothing can be concluded, if so."""

    @property
    def scores_by_seed(self) -> dict[str, dict[int, float]]:
        """Hypervolume by seed, by optimizer, the optimizers in order of merit."""
        return {line.optimizer: _by_seed(self.scores, line.optimizer) for line in self.standings}

    @property
    def headline(self) -> str:
        """Who won, in one sentence."""
        best = self.standings[0].optimizer
        others = [pair for pair in self.comparisons if pair.first == best]
        if not others:
            return f"{best} raced alone."
        if all(pair.conclusive for pair in others):
            wins = ", ".join(f"{pair.second} in {pair.wins} of {pair.seeds}" for pair in others)
            return f"{best} wins: it beats {wins} seeds."
        runner_up = others[0]
        if runner_up.conclusive:
            return f"{best} leads: it beats {runner_up.second} in {runner_up.wins} of {runner_up.seeds} seeds."
        return f"No clear winner: {best} and {runner_up.second} are too close to call."


def summarize(experiment: Experiment, /) -> Summary:
    """Score every race, rank the optimizers and compare them pairwise."""
    problem = experiment.problem
    reference, ideal = problem.reference_point, problem.ideal_point
    pooled, _ = experiment.pooled_front(experiment.races)
    scores = []
    for race in experiment.races:
        front, _ = experiment.front(race)
        scores.append(
            Score(
                optimizer=race.optimizer,
                seed=race.seed,
                hypervolume=hypervolume(front, reference),
                normalized_hypervolume=normalized_hypervolume(front, reference, ideal),
                igd_plus=igd_plus(front, pooled, reference, ideal),
                evaluations=race.evaluations,
                simulated_seconds=race.simulated_seconds,
                wall_seconds=race.history.wall_seconds,
                digest=race.digest,
            )
        )
    standings = rank(scores)
    by_seed = {line.optimizer: _by_seed(scores, line.optimizer) for line in standings}
    comparisons = compare(by_seed)
    fewest = min((pair.seeds for pair in comparisons), default=0)
    return Summary(
        scores=tuple(scores),
        standings=standings,
        comparisons=comparisons,
        warning=few_seeds_warning(fewest, len(comparisons)),
    )


def rank(scores: list[Score], /) -> tuple[Standing, ...]:
    """Rank the optimizers by median hypervolume, best first; equal ones in alphabetical order."""
    groups: dict[str, list[Score]] = {}
    for score in scores:
        groups.setdefault(score.optimizer, []).append(score)
    medians = {name: float(np.median([line.hypervolume for line in group])) for name, group in groups.items()}
    order = sorted(groups, key=lambda name: (-medians[name], name))
    standings = []
    for name, final_rank in zip(order, _final_ranks(scores, order), strict=True):
        group = groups[name]
        standings.append(
            Standing(
                place=1 + sum(other > medians[name] for other in medians.values()),
                optimizer=name,
                hypervolume=spread(np.array([line.hypervolume for line in group])),
                normalized_hypervolume=spread(np.array([line.normalized_hypervolume for line in group])),
                igd_plus=spread(np.array([line.igd_plus for line in group])),
                average_rank=final_rank,
                evaluations=float(np.median([line.evaluations for line in group])),
                simulated_seconds=float(np.median([line.simulated_seconds for line in group])),
                wall_seconds=float(np.mean([line.wall_seconds for line in group])),
            )
        )
    return tuple(standings)


def write_summary(summary: Summary, path: Path, /) -> None:
    """Write ``summary.csv``: numbers with all their digits, so that reading gives the same floats back."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    lines.writerows(astuple(score) for score in summary.scores)
    write_atomically(path, text.getvalue())


def _by_seed(scores: Sequence[Score], optimizer: str) -> dict[int, float]:
    return {score.seed: score.hypervolume for score in scores if score.optimizer == optimizer}


def _final_ranks(scores: list[Score], optimizers: list[str]) -> list[float]:
    """Average the final ranks over the seeds that all optimizers have raced; NaN if there is none."""
    tables = [_by_seed(scores, name) for name in optimizers]
    common = sorted(set.intersection(*(set(table) for table in tables)))
    if not common:
        return [float("nan")] * len(optimizers)
    values = np.array([[[table[seed]] for seed in common] for table in tables])
    final: list[float] = average_ranks(values)[:, 0].tolist()
    return final
