"""Methods beside the truth: what each front was worth as the surrogate saw it, and what it is worth when trained.

Both hypervolumes of a method are of the same configurations, those of its final fronts (all seeds) that were trained
again, so that they differ by the surrogate's errors alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from .claims import digests_by_method
from .indicators import hypervolume
from .races import Experiment
from .replicates import UNKNOWN, Interval, basic_interval, resampled_hypervolumes, resampled_means
from .validation import FEWEST, HELD, Agreement, Validation


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodTruth:
    """One method: the configurations of its final fronts as predicted and in truth."""

    optimizer: str
    claimed: int
    """Configurations on its final fronts."""
    trained: int
    """Those of them that have a true outcome; all that follows is about these."""
    predicted_hypervolume: float
    true_hypervolume: float
    """Of the means over the seeds of true trainings."""
    agreement: Agreement
    """In the first objective that is trained."""
    true_interval: Interval = UNKNOWN
    """Where ``true_hypervolume`` lies given the noise of training, see `bagbench.analysis.replicates`."""

    @property
    def is_judged(self) -> bool:
        """Whether enough was trained for a verdict."""
        return self.trained >= FEWEST

    @property
    def change(self) -> float:
        """True minus predicted hypervolume, in percent of the predicted; NaN if nothing was predicted."""
        if self.predicted_hypervolume == 0.0:
            return math.nan
        return 100.0 * (self.true_hypervolume / self.predicted_hypervolume - 1.0)

    @property
    def kendall_tau(self) -> float:
        """Of the `agreement`; NaN where so few were trained that it would be +1 or -1 in any case."""
        return self.agreement.kendall_tau if self.is_judged else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How far one method is truly ahead of another."""

    first: str
    second: str
    true_hypervolume: float
    """Of the first minus that of the second."""
    interval: Interval
    """Where the difference lies given the noise of training; configurations that both found vary in both alike."""

    @property
    def is_clear(self) -> bool:
        """Whether the noise of training cannot turn it round."""
        low, high = self.interval
        return low > 0.0 or high < 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodRanking:
    """All methods, and whether truth ranks them as predicted."""

    methods: tuple[MethodTruth, ...]
    """By descending predicted hypervolume; equal ones in alphabetical order."""
    differences: tuple[Difference, ...] = ()
    """Of all pairs of methods with an interval, the one predicted to be better first."""

    @property
    def judged(self) -> tuple[MethodTruth, ...]:
        """Those with enough trained configurations."""
        return tuple(method for method in self.methods if method.is_judged)

    @property
    def kendall_tau(self) -> float:
        """Tau-b between predicted and true hypervolumes of the judged methods; NaN without any order to compare."""
        from scipy.stats import kendalltau

        predicted = [method.predicted_hypervolume for method in self.judged]
        true = [method.true_hypervolume for method in self.judged]
        if len(set(predicted)) < 2 or len(set(true)) < 2:
            return math.nan
        return float(kendalltau(predicted, true).statistic)

    @property
    def swapped(self) -> tuple[tuple[MethodTruth, MethodTruth], ...]:
        """Pairs of judged methods in which the one predicted to be better is truly worse; that one comes first."""
        return tuple(
            (first, second)
            for first, second in combinations(self.judged, 2)
            if first.predicted_hypervolume > second.predicted_hypervolume
            and first.true_hypervolume < second.true_hypervolume
        )

    @property
    def hardest_hit(self) -> MethodTruth | None:
        """The judged method whose hypervolume lost the largest share; None if none lost any."""
        losers = [method for method in self.judged if method.change < 0]
        return min(losers, key=lambda method: method.change, default=None)

    @property
    def verdict(self) -> str:
        """Whether the ranking of the methods holds, and which pairs changed places."""
        count, tau = len(self.judged), self.kendall_tau
        if math.isnan(tau):
            return (
                f"Methods with {FEWEST} or more retrained configurations: {count}; too few, or too equal, to say "
                "whether the ranking of the methods holds."
            )
        pairs = count * (count - 1) // 2
        what = "methods' samples" if self.caution else "methods"
        if not self.swapped:
            return f"The predicted ranking of the {what} holds: Kendall tau {tau:.2f}, none of {pairs} pairs swapped."
        held = "mostly holds" if tau >= HELD else "does not hold"
        swaps = "; ".join(
            f"{second.optimizer} is truly ahead of {first.optimizer} ({second.true_hypervolume:.2f} to "
            f"{first.true_hypervolume:.2f}, predicted {second.predicted_hypervolume:.2f} to "
            f"{first.predicted_hypervolume:.2f})"
            for first, second in self.swapped
        )
        return (
            f"The predicted ranking of the {what} {held}: Kendall tau {tau:.2f}, {len(self.swapped)} of {pairs} pairs "
            f"swapped: {swaps}."
        )

    @property
    def noise(self) -> str:
        """Which of the true differences are more than the noise of training; empty where that is not known."""
        judged = {method.optimizer for method in self.judged}
        known = [difference for difference in self.differences if {difference.first, difference.second} <= judged]
        if not known:
            return ""
        clear = [difference for difference in known if difference.is_clear]
        swaps = {(first.optimizer, second.optimizer) for first, second in self.swapped}
        text = f"Replicates tell {len(clear)} of {len(known)} pairs of methods apart (95 % interval of the difference)"
        if not swaps:
            return f"{text}."
        sure = [f"{pair.second} over {pair.first}" for pair in clear if (pair.first, pair.second) in swaps]
        return f"{text}; of the {len(swaps)} swapped ones: {', '.join(sure) or 'none'}."

    @property
    def loss(self) -> str:
        """Whose front suffered most."""
        worst = self.hardest_hit
        if worst is None:
            return "No method's front lost hypervolume in truth." if self.judged else "No method's front can be judged."
        front = "front" if worst.trained == worst.claimed else "sample of the front"
        return (
            f"The {front} of {worst.optimizer} suffered most: its hypervolume is {-worst.change:.2g} % below the "
            f"prediction, {worst.true_hypervolume:.2f} instead of {worst.predicted_hypervolume:.2f}."
        )

    @property
    def caution(self) -> str:
        """What these numbers are no measure of; empty if all that was found has been trained."""
        partly = [method for method in self.methods if method.trained < method.claimed]
        if not partly:
            return ""
        counts = ", ".join(f"{method.optimizer} {method.trained} of {method.claimed}" for method in self.methods)
        few = [method.optimizer for method in self.methods if not method.is_judged]
        left_out = f" With fewer than {FEWEST}, no verdict is passed on {', '.join(few)}." if few else ""
        return (
            "Only a sample of the fronts was retrained, not all of them, by method: "
            f"{counts}. Hypervolumes are of these samples: compare predicted with true, not methods with each other, "
            f"nor with the races' own scores; another sample may rank the methods otherwise.{left_out}"
        )


def compare_methods(experiment: Experiment, validation: Validation, /) -> MethodRanking:
    """Hold the final fronts of every optimizer of an experiment against the truth.

    A configuration that several races found counts for each of their methods, as it was predicted first.
    """
    reference = experiment.problem.reference_point
    means = resampled_means(validation.replicates)
    methods, resampled = [], {}
    for optimizer, digests in digests_by_method(experiment).items():
        own = validation.only(digests)
        true = hypervolume(own.losses, reference)
        rows = [row for row, claim in enumerate(validation.claims) if claim.digest in digests]
        resampled[optimizer] = resampled_hypervolumes(means[:, rows], reference)
        methods.append(
            MethodTruth(
                optimizer=optimizer,
                claimed=len(digests),
                trained=len(own.claims),
                predicted_hypervolume=hypervolume(own.predicted, reference),
                true_hypervolume=true,
                agreement=own.agreements[0],
                true_interval=basic_interval(true, resampled[optimizer]),
            )
        )
    methods.sort(key=lambda method: (-method.predicted_hypervolume, method.optimizer))
    return MethodRanking(methods=tuple(methods), differences=_differences(methods, resampled))


def _differences(
    methods: Sequence[MethodTruth], resampled: Mapping[str, NDArray[np.float64]]
) -> tuple[Difference, ...]:
    """Compare all pairs of methods within the same resamples."""
    differences = []
    for first, second in combinations(methods, 2):
        lead = first.true_hypervolume - second.true_hypervolume
        interval = basic_interval(lead, resampled[first.optimizer] - resampled[second.optimizer])
        if interval is not UNKNOWN:
            found = Difference(first=first.optimizer, second=second.optimizer, true_hypervolume=lead, interval=interval)
            differences.append(found)
    return tuple(differences)
