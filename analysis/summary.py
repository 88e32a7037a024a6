"""From races to a verdict: one line a race, one line an optimizer, one sentence for everybody.

``summary.csv`` has a `Score` a line; the command line and the report print `Standing`s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from ..problems.files import write_csv
from ..problems.problem import Losses
from .best_front import Goal, goal
from .costs import total_spent
from .friedman import Friedman, friedman
from .indicators import additive_epsilon, hypervolume, igd_plus, normalized_hypervolume
from .races import Experiment, Race
from .rescoring import rescored_hypervolumes
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
    additive_epsilon: float
    """Largest shortfall from the pooled front of this experiment, in units of the box; infinite without any result."""
    regret: float
    """Hypervolume missing to the front that `Summary.goal` names; negative if the race found something better."""
    test_hypervolume: float
    """Of the same networks, scored by test error; NaN where the benchmark cannot say (see `rescoring`)."""
    trainings: float
    """Full-training equivalents: all epochs trained, over those of one full training."""
    policy: str
    """Which trials count as results: ``"full"`` or ``"all"``."""


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
    additive_epsilon: Spread
    regret: Spread
    test_hypervolume: Spread
    trainings: float
    """Median number of full-training equivalents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Everything that is concluded from an experiment."""

    scores: tuple[Score, ...]
    standings: tuple[Standing, ...]
    """Best first, by median hypervolume."""
    comparisons: tuple[Comparison, ...]
    friedman: Friedman | None
    """All optimizers at once; None for fewer than three, or fewer than two seeds."""
    warning: str | None
    """Why nothing can be concluded, if so."""
    goal: Goal
    """The front that regret is measured to."""

    @property
    def scores_by_seed(self) -> dict[str, dict[int, float]]:
        """Hypervolume by seed, by optimizer, the optimizers in order of merit."""
        return {line.optimizer: _by_seed(self.scores, line.optimizer) for line in self.standings}

    @property
    def headline(self) -> str:
        """Who won, in one sentence."""
        best = self.standings[0].optimizer
        others = [pair for pair in self.comparisons if pair.first == best]
        if len(self.standings) == 1:
            return f"{best} raced alone."
        if not others:
            return f"No verdict: {best} has no seed in common with another optimizer."
        if all(pair.conclusive for pair in others) and len(others) >= len(self.standings) - 1:
            if len(others) > 5:  # too many to name in a sentence; the runner-up is the hardest to beat
                score = f"{others[0].second} in {others[0].wins} of {others[0].seeds} seeds"
                return f"{best} wins: it beats all {len(others)} others, the runner-up {score}."
            wins = ", ".join(f"{pair.second} in {pair.wins} of {pair.seeds}" for pair in others)
            return f"{best} wins: it beats {wins} seeds."
        runner_up = others[0]
        if runner_up.conclusive:
            return f"{best} leads: it beats {runner_up.second} in {runner_up.wins} of {runner_up.seeds} seeds."
        if runner_up.reversed:
            return f"No clear winner: {best} has the better median, but {runner_up.sentence}."
        return f"No clear winner: {best} and {runner_up.second} are too close to call."


def summarize(experiment: Experiment, /) -> Summary:
    """Score every race, rank the optimizers and compare them pairwise."""
    pooled, _ = experiment.pooled_front(experiment.races)
    target = goal(experiment)
    rescored = rescored_hypervolumes(experiment)
    scores = [
        _score(experiment, race, pooled=pooled, goal=target, test_hypervolume=value)
        for race, value in zip(experiment.races, rescored, strict=True)
    ]
    standings = rank(scores)
    by_seed = {line.optimizer: _by_seed(scores, line.optimizer) for line in standings}
    comparisons = compare(by_seed)
    fewest = min((pair.seeds for pair in comparisons), default=0)
    return Summary(
        scores=tuple(scores),
        standings=standings,
        comparisons=comparisons,
        friedman=friedman(by_seed),
        warning=few_seeds_warning(fewest, len(comparisons)),
        goal=target,
    )


def _score(experiment: Experiment, race: Race, *, pooled: Losses, goal: Goal, test_hypervolume: float) -> Score:
    problem = experiment.problem
    reference, ideal = problem.reference_point, problem.ideal_point
    front, _ = experiment.front(race)
    covered = hypervolume(front, reference)
    return Score(
        optimizer=race.optimizer,
        seed=race.seed,
        hypervolume=covered,
        normalized_hypervolume=normalized_hypervolume(front, reference, ideal),
        igd_plus=igd_plus(front, pooled, reference, ideal),
        evaluations=race.evaluations,
        simulated_seconds=race.simulated_seconds,
        wall_seconds=race.history.wall_seconds,
        digest=race.digest,
        additive_epsilon=additive_epsilon(front, pooled, reference, ideal),
        regret=hypervolume(goal.losses, reference) - covered,
        test_hypervolume=test_hypervolume,
        trainings=total_spent(race.history, "trainings", max_epochs=problem.max_epochs),
        policy=experiment.policy,
    )


def rank(scores: list[Score], /) -> tuple[Standing, ...]:
    """Rank the optimizers by median hypervolume, best first; equal ones in alphabetical order."""
    groups: dict[str, list[Score]] = {}
    for score in scores:
        groups.setdefault(score.optimizer, []).append(score)
    medians = {name: float(np.median([line.hypervolume for line in group])) for name, group in groups.items()}
    order = sorted(groups, key=lambda name: (-medians[name], name))
    standings = []
    for name, final_rank in zip(order, final_ranks(scores, order), strict=True):
        group = groups[name]
        standings.append(
            Standing(
                place=1 + sum(other > medians[name] for other in medians.values()),
                optimizer=name,
                hypervolume=_spread(group, "hypervolume"),
                normalized_hypervolume=_spread(group, "normalized_hypervolume"),
                igd_plus=_spread(group, "igd_plus"),
                average_rank=final_rank,
                evaluations=float(np.median([line.evaluations for line in group])),
                simulated_seconds=float(np.median([line.simulated_seconds for line in group])),
                wall_seconds=float(np.mean([line.wall_seconds for line in group])),
                additive_epsilon=_spread(group, "additive_epsilon"),
                regret=_spread(group, "regret"),
                test_hypervolume=_spread(group, "test_hypervolume"),
                trainings=float(np.median([line.trainings for line in group])),
            )
        )
    return tuple(standings)


def _spread(group: Sequence[Score], column: str) -> Spread:
    return spread(np.array([getattr(score, column) for score in group]))


def write_summary(summary: Summary, path: Path, /) -> None:
    """Write ``summary.csv``: numbers with all their digits, so that reading gives the same floats back."""
    write_csv(path, COLUMNS, (astuple(score) for score in summary.scores))


def _by_seed(scores: Sequence[Score], optimizer: str) -> dict[int, float]:
    return {score.seed: score.hypervolume for score in scores if score.optimizer == optimizer}


def final_ranks(scores: Sequence[Score], optimizers: Sequence[str], /) -> list[float]:
    """Average the final ranks among these optimizers over the seeds that all of them have raced; NaN without any."""
    tables = [_by_seed(scores, name) for name in optimizers]
    common = sorted(set.intersection(*(set(table) for table in tables)))
    if not common:
        return [float("nan")] * len(optimizers)
    values = np.array([[[table[seed]] for seed in common] for table in tables])
    final: list[float] = average_ranks(values)[:, 0].tolist()
    return final
