"""Checking a race against the truth: what it found, trained for real, beside what was predicted.

A `Claim` is what a race says of one configuration on a final front; `bagbench.analysis.retraining` trains them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..problems import PROBLEMS, get_problem
from ..problems.benchmark import Outcome
from ..problems.errors import InvalidArgument
from ..problems.problem import Losses, Problem
from .races import Experiment
from .validation_file import Claim, Trainings

HELD = 0.5
"""Kendall's tau from which on a ranking counts as held: three of four pairs are in the predicted order."""

FEWEST = 3
"""Configurations that can show a ranking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well one quantity was predicted over the configurations of a front."""

    name: str
    unit: str
    kendall_tau: float
    """1: the predicted order; 0: any order; NaN where there is no order to compare."""
    mean_error: float
    """Mean of true minus predicted value."""
    rmse: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Claims beside the truth; rows of the arrays are the n ``claims`` that have a true outcome."""

    problem: Problem
    claims: tuple[Claim, ...]
    """By ascending first loss, as predicted."""
    losses: Losses
    """(n, m) true losses, means over seeds."""
    seconds: NDArray[np.float64]
    """(n,) true seconds, means over seeds."""
    replicates: tuple[Losses, ...]
    """For each claim the true losses (r, m) of its r trainings, by ascending seed."""
    failed: int
    """Runs that failed; they count nowhere else."""
    claimed: int
    """Configurations on all the fronts, trained or not."""
    seeds: int
    """True trainings of the configuration that has most of them."""
    out_of_turn: int
    """Retrained configurations that are not among the first claims: those of a file that was there before."""

    @property
    def predicted(self) -> Losses:
        """Losses (n, m) as predicted."""
        return np.array([claim.losses for claim in self.claims]).reshape(self.losses.shape)

    def only(self, digests: Collection[str]) -> Validation:
        """Select the claims about some configurations."""
        rows = [row for row, claim in enumerate(self.claims) if claim.digest in digests]
        return replace(
            self,
            claims=tuple(self.claims[row] for row in rows),
            losses=self.losses[rows],
            seconds=self.seconds[rows],
            replicates=tuple(self.replicates[row] for row in rows),
        )

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """Compare every objective that is trained, and the seconds."""
        return self.agreements_with(self.predicted, np.array([claim.seconds for claim in self.claims]))

    def agreements_with(self, losses: Losses, seconds: NDArray[np.float64]) -> tuple[Agreement, ...]:
        """Compare somebody else's predictions (n, m) and (n,) of the claims' configurations likewise."""
        compared = [
            _agreement(objective.name, objective.unit, losses[:, column], self.losses[:, column])
            for column, objective in enumerate(self.problem.objectives)
            if objective.name not in self.problem.known
        ]
        return (*compared, _agreement("seconds", "s", seconds, self.seconds))

    @property
    def sentence(self) -> str:
        """Whether the predicted ranking of the front held."""
        first, n = self.agreements[0], len(self.claims)
        if n < FEWEST or math.isnan(first.kendall_tau):
            return f"{n} configurations are too few, or too equal, to say whether the ranking of the front holds."
        verdict = "held" if first.kendall_tau >= HELD else "did not hold"
        error = f"{abs(first.mean_error):.3g} {first.unit}".rstrip()
        direction = "above" if first.mean_error >= 0 else "below"
        return (
            f"The predicted ranking of the front {verdict}: Kendall tau {first.kendall_tau:.2f} in {first.name} over "
            f"{n} configurations, whose true {first.name} is on average {error} {direction} the prediction."
        )


def check_validity(experiment: Experiment) -> None:
    """Check that training can contradict the races of an experiment.

    Raises
    ------
    InvalidArgument
        If they were trained for real already, their problem has no trainer, or all objectives are known exactly.
    """
    problem = experiment.problem
    if experiment.settings["source"] == "trainer":
        raise InvalidArgument(
            "these races were answered by the true trainer: there is nothing to validate; expected races on a "
            "surrogate or table (`bagbench compare --source surrogate`)"
        )
    if problem.name not in PROBLEMS or get_problem(problem.name).space != problem.space:
        raise InvalidArgument(
            f"the problem {problem.name!r} of these races has no trainer here: expected one of "
            f"{', '.join(sorted(PROBLEMS))}, with the search space that is shipped; train the configurations of "
            "report.html yourself"
        )
    if all(name in problem.known for name in problem.objective_names):
        raise InvalidArgument(
            f"the objectives {', '.join(problem.objective_names)} are exact functions of the configuration: training "
            "cannot contradict them; expected races with an objective such as val_error"
        )


def compare_with_truth(claims: Sequence[Claim], trainings: Trainings, problem: Problem) -> Validation:
    """Put claims beside the means of their true outcomes; claims without any are left out."""
    outcomes: dict[str, list[Outcome]] = {}
    for (digest, _), outcome in sorted(trainings.items(), key=lambda item: item[0]):
        if math.isfinite(outcome.seconds):
            outcomes.setdefault(digest, []).append(outcome)
    known = sorted((claim for claim in claims if claim.digest in outcomes), key=lambda claim: claim.losses.tolist())
    order = [claim.digest for claim in claims]
    begun = {digest for digest, _ in trainings} & set(order)
    replicates = [np.stack([outcome.losses for outcome in outcomes[claim.digest]]) for claim in known]
    return Validation(
        problem=problem,
        claims=tuple(known),
        losses=np.array([losses.mean(axis=0) for losses in replicates]).reshape(len(known), len(problem.objectives)),
        seconds=np.array([np.mean([outcome.seconds for outcome in outcomes[claim.digest]]) for claim in known]),
        replicates=tuple(replicates),
        failed=sum(not math.isfinite(outcome.seconds) for outcome in trainings.values()),
        claimed=len(claims),
        seeds=max((len(found) for found in outcomes.values()), default=0),
        out_of_turn=len(begun - set(order[: len(begun)])),
    )


def _agreement(name: str, unit: str, predicted: NDArray[np.float64], true: NDArray[np.float64]) -> Agreement:
    from scipy.stats import kendalltau

    errors = true - predicted
    varies = len(np.unique(predicted)) > 1 and len(np.unique(true)) > 1
    return Agreement(
        name=name,
        unit=unit,
        kendall_tau=float(kendalltau(predicted, true).statistic) if varies else math.nan,
        mean_error=float(errors.mean()) if len(errors) else math.nan,
        rmse=float(np.sqrt(np.mean(errors**2))) if len(errors) else math.nan,
    )
