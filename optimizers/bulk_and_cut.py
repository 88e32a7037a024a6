"""BULK & CUT, in configuration space: let networks grow, then cut them down.

Guerrero-Viu et al. 2021 (arXiv 2105.01015). **An imitation**: there networks that grow or shrink inherit all weights,
and shrunk ones learn from their parents by distillation; a table knows no weights, so here everything is trained in
full from scratch, the slim ones too (the paper gives those 8 of 25 epochs, which without inheritance would measure
something else). The paper's data augmentation, soft labels and fixed batch size are not in the space either. What
remains is the outer loop::

    initialise   35 %   a random network
    bulk up      40 %   a parent that has room gets one layer more, as wide as the one below it
    slim down    25 %   of a parent, each width is cut by a few percent (see `cut`)

The published phases are shares of the wall clock, each once. An optimizer does not know the budget of a race, so here
they are shares of the trials of a *cycle*, and cycles repeat, all with one population.

In every phase the learning rate is proposed by Bayesian optimisation: a Gaussian process learns the loss from rate,
depths and size, of which all but the first are given with the network at hand, and the rate of lowest confidence bound
is taken. Slim networks have a model of their own; the paper's predicts the distillation loss, up to rates of 0.01.
Parents come from the first front with probability 0.85, else from the second. To bulk up, they are drawn with a
probability proportional to the square of what they gain over the reference point (the paper: accuracy over chance) in
the first objective that is not known; to slim down, uniformly, those that were never cut first.

In a space without stacks (see `morphism`) children are neighbours in the space; without a float that is always active
and logarithmic there is no learning rate to propose.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..problems.errors import InvalidArgument
from ..problems.parameters import Number
from ..problems.problem import Losses, Problem
from ..problems.space import Space, Vector
from ..problems.threads import one_thread
from .base import Query, Result
from .gaussian_process import GrowingModel
from .morphism import Stack, encode_nearest, layers, stacks, with_layer
from .novelty import Novelty
from .pareto import nondominated_ranks

_SHARES = (0.35, 0.40, 0.25)
_GREED = 0.85  # probability of a parent from the first front
_FIRST_STACK = 0.7  # probability that the first stack with room gets the new layer, then the next ...
_HEAD, _LINEAR, _CONVOLUTION = (0.04, 0.06), (0.065, 0.085), (0.09, 0.11)  # cut from the inputs of such a layer
_RANDOM_RATES = 2  # proposals before the first model
_CAUTION = 2.5  # standard deviations below the mean
_RATES = 256  # to choose from


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    digest: str
    vector: Vector
    losses: Losses
    has_room: bool


class BulkAndCut:
    """Three phases over one population.

    Parameters
    ----------
    problem
    seed
        Of all its random draws.
    cycle
        Trials of one round of the three phases, 20 or more; 14, 16 and 10 of 40 by default.

    Raises
    ------
    InvalidArgument
        If a cycle is too short.
    """

    declines: ClassVar[Mapping[str, str]] = {
        "beats_random_search": "`tradeoff` has neither layers to add and cut nor a learning rate: what is left of the "
        "method there are random configurations and neighbours, which reach what chance reaches"
    }

    def __init__(self, problem: Problem, *, seed: int, cycle: int = 40) -> None:
        if cycle < 20:
            raise InvalidArgument(f"bulk-and-cut needs a cycle of 20 trials or more, got cycle={cycle}")
        self._problem = problem
        self._rng = np.random.default_rng(seed)
        self._novelty = Novelty(problem.space, self._rng)
        self._ends = [math.floor(cycle * share + 0.5) for share in np.cumsum(_SHARES)]  # of the phases, in a cycle
        self._asked = 0
        self._population: list[_Member] = []
        self._slim: set[str] = set()  # digests of what was asked for while slimming down
        self._ever_cut: set[str] = set()  # digests of their parents
        self._rate = _learning_rate(problem.space)
        self._rates, self._slim_rates = RateModel(self._rng), RateModel(self._rng)
        self._quality = next((i for i, name in enumerate(problem.objective_names) if name not in problem.known), 0)

    def ask(self) -> Query:
        """Name the next trial; never waits."""
        place = self._asked % self._ends[-1]
        self._asked += 1
        slim = place >= self._ends[1]
        phase = self._slimmed if slim else self._initial if place < self._ends[0] else self._bulked
        vector = self._novelty.first_new(lambda: self._with_rate(phase(), self._slim_rates if slim else self._rates))
        if slim:
            self._slim.add(self._digest(vector))
        return Query(config=vector, epochs=self._problem.max_epochs)

    def tell(self, result: Result) -> None:
        """Let the result into the population, and the models learn of its rate."""
        vector, digest = result.query.config, self._digest(result.query.config)
        finite = bool(np.isfinite(result.losses).all())
        if self._rate is not None:
            reference = self._problem.objectives[self._quality].reference
            loss = min(float(result.losses[self._quality]), reference) if finite else reference
            model = self._slim_rates if digest in self._slim else self._rates
            model.learn(float(vector[self._rate]), self._context(vector), loss)
        if finite and all(member.digest != digest for member in self._population):
            room = bulk_up(self._problem.space, vector, np.random.default_rng(0)) is not None
            self._population.append(_Member(digest, vector, result.losses, room))

    def _initial(self) -> Vector:
        vector: Vector = self._problem.space.sample(self._rng, 1)[0]
        return vector

    def _bulked(self) -> Vector:
        """Let a parent that has room grow; in a space without stacks any member may have another neighbour."""
        space = self._problem.space
        parents = [member for member in self._population if member.has_room or not stacks(space)]
        if not parents:
            return self._initial()
        objective = self._problem.objectives[self._quality]
        losses = np.array([member.losses[self._quality] for member in parents])
        parent = self._choose(parents, np.maximum(objective.reference - losses, 0.0) ** 2)
        child = bulk_up(space, parent.vector, self._rng)
        return self._neighbour(parent.vector) if child is None else child

    def _slimmed(self) -> Vector:
        """Cut a parent, one that was never cut if there is one."""
        if not self._population:
            return self._initial()
        new = np.array([member.digest not in self._ever_cut for member in self._population], dtype=np.float64)
        parent = self._choose(self._population, new)
        self._ever_cut.add(parent.digest)
        if not stacks(self._problem.space):
            return self._neighbour(parent.vector)
        return cut(self._problem.space, parent.vector, self._rng)

    def _choose(self, members: Sequence[_Member], weights: Losses) -> _Member:
        """Draw by weight from the first front, sometimes from the second; uniformly where nothing there has weight."""
        ranks = nondominated_ranks(np.array([member.losses for member in members]))
        second = self._rng.random() >= _GREED and ranks.max() > 0
        places = np.flatnonzero(ranks == int(second))
        there = weights[places] if weights[places].any() else np.ones(len(places))
        return members[int(self._rng.choice(places, p=there / there.sum()))]

    def _neighbour(self, vector: Vector) -> Vector:
        neighbour: Vector = self._problem.space.neighbours(vector, self._rng, 1)[0]
        return neighbour

    def _with_rate(self, vector: Vector, model: RateModel) -> Vector:
        if self._rate is not None:
            vector[self._rate] = model.propose(self._context(vector))
        return vector

    def _context(self, vector: Vector) -> list[float]:
        """Give what the loss depends on besides the rate: depths, and size, which is what objectives are known."""
        known, ideal = self._problem.known_losses(vector[None])[0], self._problem.ideal_point
        sizes = (known - ideal) / (self._problem.reference_point - ideal)
        depths = [float(np.nan_to_num(vector[stack.depth])) for stack in stacks(self._problem.space)]
        return [*depths, *sizes[~np.isnan(sizes)].tolist()]

    def _digest(self, vector: Vector) -> str:
        return self._problem.space.digests(vector[None])[0]


class RateModel:
    """Bayesian optimisation of one number in [0, 1], given a context of others."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._model = GrowingModel()
        self._inputs: list[list[float]] = []
        self._targets: list[float] = []

    def learn(self, rate: float, context: list[float], loss: float) -> None:
        """Add an observation."""
        self._inputs.append([rate, *context])
        self._targets.append(loss)

    def propose(self, context: list[float]) -> float:
        """Give the rate of the lowest confidence bound in ``context``; the first ones are random."""
        if len(self._targets) < _RANDOM_RATES:
            return round(float(self._rng.random()), 10)
        rates = (np.arange(_RATES) + self._rng.random()) / _RATES
        wanted = np.column_stack([rates, np.tile(context, (_RATES, 1))])
        with one_thread():
            mean, deviation = self._model.given(np.array(self._inputs), np.array(self._targets)).predict(wanted)
        return round(float(rates[np.argmin(mean - _CAUTION * deviation)]), 10)


def bulk_up(space: Space, vector: Vector, rng: np.random.Generator) -> Vector | None:
    """Add a layer behind a random one, as wide as that; None where no stack has room.

    The first stack that has room gets it with probability 0.7, else the next in the same way, else the last.
    """
    roomy = [stack for stack in stacks(space) if with_layer(space, vector, stack, 0) is not None]
    if not roomy:
        return None
    chosen = next((stack for stack in roomy[:-1] if rng.random() < _FIRST_STACK), roomy[-1])
    return with_layer(space, vector, chosen, int(rng.integers(max(1, len(layers(vector, chosen))))))


def cut(space: Space, vector: Vector, rng: np.random.Generator) -> Vector:
    """Cut every width by what is pruned from the inputs of the layer above it.

    Fractions have triangular distributions: 4 to 6 % of the inputs of the head, 6.5 to 8.5 % of those of a layer of the
    last stack (linear layers), 9 to 11 % of those of any other (convolutions); whole units, rounded down.
    """
    rows = [(stack, position) for stack in stacks(space) for position in layers(vector, stack)]
    readers: list[Stack | None] = [*(stack for stack, _ in rows[1:]), None]
    child = vector.copy()
    for (_, position), reader in zip(rows, readers, strict=False):  # without layers nobody reads
        low, high = _HEAD if reader is None else _LINEAR if reader is stacks(space)[-1] else _CONVOLUTION
        width = float(space.parameters[position].decode(float(vector[position])))
        units = math.floor(width * rng.triangular(low, (low + high) / 2, high))
        child[position] = encode_nearest(space, position, width - units)
    return child


def _learning_rate(space: Space) -> int | None:
    """Find the first float that is always active and logarithmic."""
    for position, (parameter, condition) in enumerate(zip(space.parameters, space.conditions, strict=True)):
        if isinstance(parameter, Number) and parameter.log and not parameter.integer and condition is None:
            return position
    return None
