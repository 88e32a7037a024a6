"""MO-REINFORCE: a policy over configurations, learnt by its gradient.

After NASNet (Zoph, Vasudevan, Shlens, Le 2018, arXiv 1707.07012) and MONAS (Hsu et al. 2018, arXiv 1806.10332), whose
controllers are recurrent networks; here every parameter has a softmax of its own over its values, numbers over a few
levels evenly spaced on their scale. What is inactive in a configuration is neither rewarded nor blamed. Each trial
draws weights of the objectives; its reward is minus the weighted sum of its losses, scaled by ideal and reference
point, so that no single trade-off is learnt. The gradient is Williams's (1992), against a moving average of the losses,
with an entropy bonus against early convergence::

    logits += rate (reward - baseline) (chosen - probabilities) + bonus d entropy / d logits

Results may come late: chosen values and probabilities are those of when the trial was asked for. A failed trial is
worth as little as one at the reference point. Networks share no weights, so nothing is imitated.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..problems.parameters import Number, Parameter
from ..problems.problem import Losses, Problem
from ..problems.space import Vector
from .base import Query, Result
from .novelty import Novelty

Logits = NDArray[np.float64]
"""(k,), of the values of one parameter."""

_LEVELS = 8


@dataclass(frozen=True, slots=True, eq=False)
class _Episode:
    """What was drawn for one trial."""

    chosen: tuple[int, ...]
    """For each parameter the place of its value; -1: inactive."""
    probabilities: tuple[Logits, ...]
    weights: Losses


class MoReinforce:
    """The REINFORCE controller.

    Parameters
    ----------
    problem
    seed
        Of all its random draws.
    rate
        Step of the policy gradient, above 0.
    bonus
        Weight of the entropy, 0 or more.
    memory
        Share of the old in the moving average of the losses, in [0, 1).

    Raises
    ------
    InvalidArgument
        If an option is out of its range.
    """

    def __init__(
        self, problem: Problem, *, seed: int, rate: float = 2.0, bonus: float = 0.02, memory: float = 0.9
    ) -> None:
        if not (rate > 0 and bonus >= 0 and 0 <= memory < 1):
            raise InvalidArgument(
                "mo-reinforce needs rate > 0, bonus >= 0 and 0 <= memory < 1, "
                f"got rate={rate}, bonus={bonus} and memory={memory}"
            )
        self._problem = problem
        self._rng = np.random.default_rng(seed)
        self._rate, self._bonus, self._memory = rate, bonus, memory
        self._levels = [_levels(parameter) for parameter in problem.space.parameters]
        self._logits = [np.zeros(len(levels)) for levels in self._levels]
        self._novelty = Novelty(problem.space, None)  # its gradient is right for draws of its own policy alone
        self._baseline: Losses | None = None
        self._open: defaultdict[str, deque[_Episode]] = defaultdict(deque)  # by digest

    @property
    def policy(self) -> list[Logits]:
        """Probabilities of the levels of each parameter."""
        return [softmax(logits) for logits in self._logits]

    def ask(self) -> Query:
        """Name the next trial; never waits."""
        probabilities = tuple(self.policy)
        edges = [np.cumsum(p)[:-1].tolist() for p in probabilities]
        vector = self._novelty.first_new(lambda: self._draw(edges))
        episode = _Episode(self._places(vector), probabilities, self._rng.dirichlet(np.ones(self._objectives)))
        self._open[self._digest(vector)].append(episode)
        return Query(config=vector, epochs=self._problem.max_epochs)

    def tell(self, result: Result) -> None:
        """Climb the gradient; a result that was not asked for, or told before, is passed over."""
        episodes = self._open.get(self._digest(result.query.config))
        if not episodes:
            return
        episode, losses = episodes.popleft(), self._normalized(result.losses)
        expected = losses if self._baseline is None else self._baseline
        advantage = float(episode.weights @ (expected - losses))
        for logits, chosen, probabilities in zip(self._logits, episode.chosen, episode.probabilities, strict=True):
            if chosen >= 0:
                logits += self._rate * advantage * log_gradient(probabilities, chosen)
                logits += self._bonus * entropy_gradient(probabilities)
        self._baseline = self._memory * expected + (1 - self._memory) * losses

    @property
    def _objectives(self) -> int:
        return len(self._problem.objectives)

    def _draw(self, edges: Sequence[list[float]]) -> Vector:
        """Draw every parameter by itself, by the inner edges of its cumulated policy; some were drawn in vain."""
        drawn = [
            levels[bisect_right(inner, u)]
            for levels, inner, u in zip(self._levels, edges, self._rng.random(len(edges)).tolist(), strict=True)
        ]
        return np.array(self._problem.space.settle_row(drawn, drawn.__getitem__))  # none is missing

    def _places(self, vector: Vector) -> tuple[int, ...]:
        return tuple(
            -1 if math.isnan(x) else levels.index(x) for levels, x in zip(self._levels, vector.tolist(), strict=True)
        )

    def _normalized(self, losses: Losses) -> Losses:
        """Scale so that ideal and reference are 0 and 1; beyond the reference nothing is worth anything."""
        ideal, reference = self._problem.ideal_point, self._problem.reference_point
        scored = np.where(np.isfinite(losses), np.minimum(losses, reference), reference)
        normalized: Losses = (scored - ideal) / (reference - ideal)
        return normalized

    def _digest(self, vector: Vector) -> str:
        return self._problem.space.digests(vector[None])[0]


def softmax(logits: Logits) -> Logits:
    """Turn logits (k,) into probabilities (k,)."""
    powers: Logits = np.exp(logits - logits.max())
    probabilities: Logits = powers / powers.sum()
    return probabilities


def log_gradient(probabilities: Logits, chosen: int) -> Logits:
    """Differentiate log p(chosen) by the logits of a softmax, (k,)."""
    gradient = -probabilities
    gradient[chosen] += 1.0
    return gradient


def entropy_gradient(probabilities: Logits) -> Logits:
    """Differentiate the entropy by the logits of a softmax, (k,)."""
    logs = np.log(np.maximum(probabilities, 1e-300))
    return -probabilities * (logs - probabilities @ logs)


def _levels(parameter: Parameter) -> list[float]:
    """Give the numbers that the policy chooses from: all choices, or as many levels of a number as differ."""
    if isinstance(parameter, Number):
        return [float(x) for x in np.unique(parameter.snap(np.linspace(0.0, 1.0, _LEVELS)))]
    return [float(choice) for choice in range(int(parameter.size))]
